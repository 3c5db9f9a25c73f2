import type { AccountView } from '../vault/vault-page-view.ts';

/** Times are milliseconds since the epoch. */
export interface AdminSessionView {
  readonly who: string;
  readonly chatId: string | undefined;
  readonly state: string;
  readonly lastUsedAt: number | undefined;
  readonly runningCalls: number;
}

/** A list of tools that a user's session has and that all do not see. */
export interface AdminToolListView {
  readonly id: string;
  readonly who: string;
  readonly since: number;
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly changed: readonly string[];
  readonly isServerTextChanged: boolean;
}

export interface AdminServerView {
  readonly name: string;
  readonly title: string;
  readonly state: string;
  readonly reason: string | undefined;
  /** What the server or its process said, without secrets. */
  readonly detail: string | undefined;
  readonly transport: string;
  readonly isolation: string;
  readonly tools: readonly string[];
  readonly toolsFrom: string | undefined;
  readonly toolsUrl: string;
  readonly otherLists: readonly AdminToolListView[];
  /** Those that are shown; there may be more. */
  readonly sessions: readonly AdminSessionView[];
  readonly sessionCount: number;
  readonly restartUrl: string;
}

export interface AdminSecretView {
  readonly server: string;
  readonly name: string;
  readonly updatedAt: number;
  readonly lastUsedAt: number | undefined;
  readonly isReadable: boolean;
}

export interface AdminUserView {
  readonly issuer: string;
  readonly subject: string;
  readonly secrets: readonly AdminSecretView[];
}

/** The admin's page: servers, and who has set what; never a value. URLs are relative to the request's own path. */
export interface AdminView extends AccountView {
  readonly servers: readonly AdminServerView[];
  readonly users: readonly AdminUserView[];
  /** What was searched for. */
  readonly search: string;
  readonly searchUrl: string;
  readonly secretCount: number;
  /** 1-based. */
  readonly page: number;
  readonly pageCount: number;
  readonly previousUrl: string | undefined;
  readonly nextUrl: string | undefined;
  readonly eraseUrl: string;
  /** The admin's own page as a user, if he is one. */
  readonly vaultUrl: string | undefined;
}
