import type { ServerResponse } from 'node:http';
import type { ApiKeyRing } from '../../auth/api-key-ring.ts';
import { type AcceptedScheme, type Authenticator, presentedCredential } from '../../auth/authenticator.ts';
import { ANONYMOUS, type AuthRequest, type Principal } from '../../auth/principal.ts';
import { ForbiddenError, UnauthenticatedError } from '../../errors.ts';
import { toAddressKey } from '../../rate-limit/address-key.ts';
import type { LogInLimits } from '../../rate-limit/log-in-limits.ts';

/** A JSON Web Token as it is presented: only its signature can make it right, so guessing one is hopeless. */
const SIGNED = /^bearer +eyJ[\w-]*\.[\w-]+\.[\w-]+$/i;

export interface IdentifyDependencies {
  readonly authenticator: Authenticator;
  readonly ring: ApiKeyRing;
  readonly limits: LogInLimits;
}

/** Whether an `Authorization` header presents a signed token, not a key. */
export function presentsSignedToken(authorization: string): boolean {
  return SIGNED.test(authorization);
}

/** Keys in the database may turn authentication on later; until they are read nobody is let in without one. */
export function isAuthenticationRequired({ authenticator, ring }: Omit<IdentifyDependencies, 'limits'>): boolean {
  return authenticator.isRequired || ring.isIncomplete;
}

/**
 * Identifies the sender of a request, within the limits on failed attempts.
 * Rejects with the authenticator's errors, and with `RateLimitedError`.
 */
export async function identify(
  request: AuthRequest,
  response: ServerResponse,
  { address, accepted }: { readonly address: string; readonly accepted: AcceptedScheme },
  { authenticator, ring, limits }: IdentifyDependencies,
): Promise<Principal> {
  if (!isAuthenticationRequired({ authenticator, ring })) return ANONYMOUS;
  const credential = request.headers.authorization;
  const isSigned = credential !== undefined && presentsSignedToken(credential);
  const attempt = await limits.begin({ address, credential, isSigned }, response);
  try {
    const principal = await authenticator.authenticate(request, accepted, toAddressKey(address));
    attempt.succeeded();
    return principal;
  } catch (error) {
    if (error instanceof UnauthenticatedError || error instanceof ForbiddenError) {
      attempt.failed({ isKeyRight: isOfKey(request, accepted, ring) });
    }
    throw error;
  }
}

/** Whether the key itself is right, so that only the user whom its holder named was not believed. */
function isOfKey(request: AuthRequest, accepted: AcceptedScheme, ring: ApiKeyRing): boolean {
  try {
    return ring.find(presentedCredential(request, accepted)) !== undefined;
  } catch {
    return false;
  }
}
