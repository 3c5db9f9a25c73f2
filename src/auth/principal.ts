import type { IncomingMessage } from 'node:http';
import { Scopes } from './scopes.ts';
import type { UserId, UserProfile } from './user.ts';

/** The part of a request that says who calls. In `rawHeaders` duplicates are still seen. */
export type AuthRequest = Pick<IncomingMessage, 'headers' | 'rawHeaders'>;

/** Who calls. */
export type Principal =
  | { readonly kind: 'anonymous'; readonly scopes: Scopes }
  | { readonly kind: 'api-key'; readonly keyId: string; readonly scopes: Scopes }
  | UserPrincipal;

/** A user who calls. */
export interface UserPrincipal extends UserProfile {
  readonly kind: 'user';
  readonly groups: readonly string[];
  /** The identity provider calls the e-mail address verified, or Open WebUI names it, for which its admin vouches. */
  readonly isEmailVerified?: boolean | undefined;
  readonly scopes: Scopes;
  /** The API key that spoke for the user or belongs to them; `undefined` when they presented a token of their own. */
  readonly keyId?: string | undefined;
  /** The chat that the call belongs to, as Open WebUI reports it. */
  readonly chatId?: string | undefined;
  /** The message of that chat which the call is for. */
  readonly messageId?: string | undefined;
  /** `undefined` when an API key was presented. */
  readonly token?: PresentedToken | undefined;
}

/** What is known of a token that a user presented; never the token itself. */
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
      return toUserPrincipalId(principal);
  }
}

/** Names a user as `toPrincipalId` does. */
export function toUserPrincipalId({ issuer, subject }: UserId): string {
  return `user:${issuer.length}:${issuer}:${subject}`;
}
