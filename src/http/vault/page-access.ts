import type { IncomingMessage, ServerResponse } from 'node:http';
import type { PageSession } from '../../auth/page-sessions.ts';
import type { SetupLink } from '../../vault/vault.ts';

export type { PageSession } from '../../auth/page-sessions.ts';

/** What becomes of a setup link in the browser that opened it. */
export type LinkVisit =
  /** It can be redeemed. */
  | { readonly kind: 'redeemable'; readonly link: SetupLink }
  /** Somebody else is logged in here, and has to log out first. */
  | { readonly kind: 'other-user'; readonly link: SetupLink; readonly session: PageSession }
  /** The link's user is logged in here, by this link or by a log-in that allows as much. */
  | { readonly kind: 'entered'; readonly session: PageSession };

/** Who is at the page: by cookie, setup link or log-in. What the pages and the JSON API have in common. */
export interface PageAccess {
  /** `false`: the service asks nobody who he is, so that nobody can have secrets and nothing is open. */
  hasAuthentication(): boolean;
  /**
   * Who is logged in; `undefined` without a cookie, or where the session was ended, its user was erased, or the API key
   * that opened it is no longer valid. A key's rights are those that it has now. Rejects with `VaultUnavailableError`.
   */
  session(request: IncomingMessage): Promise<PageSession | undefined>;
  /** What forms carry as `form_token`. */
  formToken(session: PageSession): string;
  /**
   * To be called before anything is changed for a cookie: the request must come from a page of ours, and with a session
   * carry its form token, as `formToken` or in the header `X-Form-Token`. Throws `ForbiddenError`.
   */
  assertOwnForm(request: IncomingMessage, session: PageSession | undefined, formToken?: string | null): void;
  /**
   * Says what a setup link would do here, and changes nothing: previews and repeated requests use nothing up. Rejects
   * with `SetupLinkError`, `RateLimitedError`, `VaultUnavailableError`.
   */
  readLink(request: IncomingMessage, response: ServerResponse, token: string): Promise<LinkVisit>;
  /**
   * Uses a setup link up and sets the cookie of a session of its user and server, unless somebody else is logged in
   * here; `assertOwnForm` comes before it. Rejects as `readLink` does.
   */
  redeemLink(request: IncomingMessage, response: ServerResponse, token: string): Promise<LinkVisit>;
  /**
   * Checks an API key or token and sets the cookie of its user, its admin or both. Rejects with `ForbiddenError` for a
   * wrong key, one that is nobody's, and a form of another site; `UnauthenticatedError`, `RateLimitedError`,
   * `ServerUnavailableError`.
   */
  logIn(request: IncomingMessage, response: ServerResponse, credential: string | null): Promise<PageSession>;
  /** Ends the session for every browser that has its cookie, and clears the cookie; `assertOwnForm` comes before it. */
  logOut(request: IncomingMessage, response: ServerResponse): Promise<void>;
}
