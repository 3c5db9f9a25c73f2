import type { UserId, UserProfile } from '../auth/user.ts';
import type { UserVariable } from '../config/server-config.ts';
import type { ToolUse } from '../vault/vault.ts';

/** `missing`: a required value is not set; `failing`: the server refused what is set; `unreadable`: see `SecretFacts`. */
export type UserSettingsStatus = 'ready' | 'missing' | 'failing' | 'unreadable';

/** A user variable and what is known of its value, which is never told. Times are milliseconds since the epoch. */
export interface UserVariableState {
  readonly name: string;
  readonly variable: UserVariable;
  readonly isSet: boolean;
  readonly isReadable: boolean;
  readonly updatedAt: number | undefined;
  readonly lastUsedAt: number | undefined;
  readonly lastFour: string | undefined;
}

/** What one user has to do with one server. */
export interface ServerUserSettings {
  readonly server: string;
  readonly title: string;
  readonly variables: readonly UserVariableState[];
  readonly status: UserSettingsStatus;
  /** Since when the server refuses what is set. */
  readonly refusedSince: number | undefined;
}

export interface SettingsTest {
  readonly ok: boolean;
  /** Names of the tools that were listed. */
  readonly tools: readonly string[];
  /** One public sentence; `undefined` when it went well. */
  readonly error: string | undefined;
}

/** What users and admins do with user variables; the page and the JSON API are two views of it. */
export interface UserSettings {
  /** The servers that ask the user for values and that he may use, in the order of the servers file. */
  list(user: UserProfile): Promise<readonly ServerUserSettings[]>;
  /** One of them. Rejects with `NotFoundError`. */
  get(user: UserProfile, server: string): Promise<ServerUserSettings>;
  /**
   * Checks the values and stores all of them or none, after a test if `isTested`. Rejects with `NotFoundError` for an
   * unknown server or variable, `UserVariableValueError`, and `UserVariableTestError` when the test fails: then nothing
   * was stored. After `VaultUnavailableError` it is not known whether they were.
   */
  save(
    user: UserProfile,
    server: string,
    values: ReadonlyMap<string, string>,
    options?: { readonly isTested?: boolean; readonly signal?: AbortSignal },
  ): Promise<void>;
  /** `false` when nothing was set. Rejects with `NotFoundError`. */
  remove(user: UserProfile, server: string, name: string): Promise<boolean>;
  /** Opens a session with what is set, or with `candidates` in its place, lists the tools and ends it. */
  test(
    user: UserProfile,
    server: string,
    options?: { readonly candidates?: ReadonlyMap<string, string>; readonly signal?: AbortSignal },
  ): Promise<SettingsTest>;
  recentUses(user: UserId): Promise<readonly ToolUse[]>;
  /** Everything of a user; returns how many secrets there were. */
  erase(user: UserId): Promise<number>;
}
