import type { IncomingMessage, ServerResponse } from 'node:http';
import type { PageSession } from '../../auth/page-sessions.ts';

export type { PageSession } from '../../auth/page-sessions.ts';

/** Who is at the page: by cookie, setup link or log-in. What the pages and the JSON API have in common. */
export interface PageAccess {
  /** `false`: the service asks nobody who he is, so that nobody can have secrets and nothing is open. */
  hasAuthentication(): boolean;
  /** Who is logged in; `undefined` without a cookie, or where it, or the API key it came from, counts no longer. */
  session(request: IncomingMessage): Promise<PageSession | undefined>;
  /** What forms carry as `form_token`. */
  formToken(session: PageSession): string;
  /**
   * To be called before anything is changed for a cookie: the request must come from a page of ours, and with a session
   * carry its form token, as `formToken` or in the header `X-Form-Token`. Throws `ForbiddenError`.
   */
  assertOwnForm(request: IncomingMessage, session: PageSession | undefined, formToken?: string | null): void;
  /**
   * Uses a setup link up and sets the cookie of a session of its user and server, to be answered with the page itself:
   * browsers do not send a strict cookie along a redirect that began at another site. Opened again by that session, it
   * gives that. Rejects with `SetupLinkError`, `RateLimitedError`, `VaultUnavailableError`.
   */
  openLink(request: IncomingMessage, response: ServerResponse, token: string): Promise<PageSession>;
  /**
   * Checks an API key or token and sets the cookie of its user, its admin or both. Rejects with `ForbiddenError` for a
   * wrong key, one that is nobody's, and a form of another site; `UnauthenticatedError`, `RateLimitedError`,
   * `ServerUnavailableError`.
   */
  logIn(request: IncomingMessage, response: ServerResponse, credential: string | null): Promise<PageSession>;
  /** Clears the cookie; `assertOwnForm` comes before it. */
  logOut(request: IncomingMessage, response: ServerResponse): void;
}
