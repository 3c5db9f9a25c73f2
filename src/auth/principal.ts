import { Scopes } from './scope.ts';

/** The issuer of all users whom Open WebUI speaks for, by whichever way it told. */
export const OPEN_WEBUI_ISSUER = 'open-webui';

/** Who calls. A user is identified by issuer and subject together, never by e-mail: that can be changed. */
export type Principal =
  | { readonly kind: 'anonymous'; readonly scopes: Scopes }
  | { readonly kind: 'api-key'; readonly keyId: string; readonly scopes: Scopes }
  | UserPrincipal;

export interface UserPrincipal {
  readonly kind: 'user';
  readonly issuer: string;
  readonly subject: string;
  readonly email: string | undefined;
  readonly name: string | undefined;
  readonly role: string | undefined;
  readonly groups: readonly string[];
  readonly scopes: Scopes;
  /** The API key that spoke for the user or belongs to him; `undefined` when a token of his own was presented. */
  readonly keyId: string | undefined;
  /** The chat that the call belongs to, as Open WebUI told. */
  readonly chatId: string | undefined;
  /** `undefined` when an API key was presented, whoever it spoke for. */
  readonly token: PresentedToken | undefined;
}

/** What is known of a token that a user presented himself; never the token. */
export interface PresentedToken {
  /** Of an issuer whose keys are public, so that other services can check it as well; not one signed with a secret. */
  readonly isAccessToken: boolean;
  /** Milliseconds since the epoch; `undefined` if it is not known to expire. */
  readonly expiresAt: number | undefined;
}

export const ANONYMOUS: Principal = { kind: 'anonymous', scopes: Scopes.ALL };

/** Names a principal in limits, logs and audit; length-prefixed, so that no two share it. */
export function toPrincipalId(principal: Principal): string {
  switch (principal.kind) {
    case 'anonymous':
      return 'anonymous';
    case 'api-key':
      return `key:${principal.keyId}`;
    case 'user':
      return `user:${principal.issuer.length}:${principal.issuer}:${principal.subject}`;
  }
}
