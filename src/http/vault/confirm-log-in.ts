import { ForbiddenError, UnauthenticatedError } from '../../errors.ts';
import { identify } from '../guards/identify.ts';
import type { Exchange } from '../request-facts.ts';
import { type CredentialLogInDependencies, presenting, toLogIn } from './credential-log-in.ts';
import { isSameUser, keyIdOf } from './key-sessions.ts';
import type { PageSession } from './page-access.ts';

/** How old the log-in with a provider may be that counts as one made for this. */
const FRESH_MS = 5 * 60_000;

/** Asks an admin who is logged in for their log-in again: rejects with `UnauthenticatedError` or `ForbiddenError`. */
export type ConfirmLogIn = (exchange: Exchange, session: PageSession, credential: string | null) => Promise<void>;

/**
 * Makes what checks that whoever sends a form has the key or token of its session's admin, and not only their browser. A
 * log-in with an OpenID provider, which leaves nothing to type, must be at most five minutes old.
 */
export function createConfirmLogIn({
  identity,
  client,
  audit,
  now = Date.now,
}: Omit<CredentialLogInDependencies, 'access'>): ConfirmLogIn {
  return async (exchange, session, credential) => {
    if (session.way === 'provider' && now() - session.createdAt <= FRESH_MS) return;
    try {
      const text = credential?.trim() ?? '';
      if (text === '') throw new UnauthenticatedError(whatToDo(session), 'Bearer');
      const { request, response } = exchange;
      const address = client.addressOf(request);
      const principal = await identify(presenting(text), response, { address, accepted: 'bearer' }, identity);
      const { isAdmin, user, keyId } = toLogIn(principal, 'token');
      const isSame = user === undefined ? keyId === keyIdOf(session.keyId ?? '') : isSameUser(user, session.user);
      if (isAdmin && isSame) return;
      throw new ForbiddenError('This is the key or token of somebody else, so nothing was changed.');
    } catch (error) {
      audit.logInFailed(exchange, 'log_in', error);
      throw error;
    }
  };
}

function whatToDo({ way }: PageSession): string {
  return way === 'provider'
    ? 'Your log-in is more than five minutes old, so nothing was changed. Log out, log in again, and add the server then.'
    : 'Enter your API key or token again: the server runs something or reads the environment of the service.';
}
