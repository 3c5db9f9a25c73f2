import { ForbiddenError, UnauthenticatedError } from '../errors.ts';
import { ANONYMOUS, type Principal } from './principal.ts';
import { Scopes } from './scope.ts';

export interface AuthenticationSettings {
  /** Checks a presented API key; `undefined` when the service asks for none. */
  readonly checkApiKey: ((candidate: string) => boolean) | undefined;
}

/** `basic`: browsers can open a page under strict authentication; the password is the API key (RFC 7617). */
export type AcceptedScheme = 'bearer' | 'bearer-or-basic';

/**
 * Tells who calls from the `Authorization` header (RFC 6750, section 2.1).
 * Throws `UnauthenticatedError` when nothing usable was presented, `ForbiddenError` when the key is wrong.
 */
export function authenticate(
  authorization: string | undefined,
  settings: AuthenticationSettings,
  accepted: AcceptedScheme,
): Principal {
  const { checkApiKey } = settings;
  if (checkApiKey === undefined) return ANONYMOUS;
  const credential = presentedKey(authorization, accepted);
  if (credential === undefined) {
    throw new UnauthenticatedError(
      'Missing or invalid Authorization header',
      accepted === 'bearer' ? 'Bearer' : 'Basic realm="mcpo-ts", charset="UTF-8", Bearer',
    );
  }
  if (!checkApiKey(credential)) throw new ForbiddenError('Invalid API key');
  return { kind: 'api-key', keyId: 'default', scopes: Scopes.ALL };
}

function presentedKey(authorization: string | undefined, accepted: AcceptedScheme): string | undefined {
  const match = /^(bearer|basic) +(.+)$/i.exec(authorization ?? '');
  const credential = match?.[2]?.trim();
  if (!match || !credential) return undefined;
  if (match[1]?.toLowerCase() === 'bearer') return credential;
  if (accepted !== 'bearer-or-basic') return undefined;
  const userAndPassword = Buffer.from(credential, 'base64').toString('utf8');
  const colon = userAndPassword.indexOf(':');
  return colon === -1 ? undefined : userAndPassword.slice(colon + 1);
}
