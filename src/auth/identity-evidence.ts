import type { IdentitySettings } from './auth-settings.ts';
import type { UserPrincipal } from './principal.ts';
import { OPEN_WEBUI_ISSUER } from './user.ts';

/** Longer ones are no addresses (RFC 5321, section 4.5.3.1). */
const MAX_EMAIL_LENGTH = 254;

/** Makes callers the person that their identities are linked to. */
export interface Persons {
  /** The same caller as the person that they are: with the person's id, and the role, groups and scopes they came with. */
  personOf(principal: UserPrincipal, settings: IdentitySettings): Promise<UserPrincipal>;
}

/**
 * The address of a caller that counts as theirs, in the one form in which addresses are compared; `undefined` if none
 * does: only one that the identity provider calls verified, or that Open WebUI names, for which its admin vouches.
 */
export function verifiedEmailOf({ email, isEmailVerified }: UserPrincipal): string | undefined {
  return isEmailVerified === true && email !== undefined ? normalizeEmail(email) : undefined;
}

/** Composed and in lower case, without spaces around it; `undefined` for what is no address. Tags after `+` stay. */
function normalizeEmail(email: string): string | undefined {
  const address = email.trim().normalize('NFC').toLowerCase();
  return address.length <= MAX_EMAIL_LENGTH && /^[^\s@\p{Cc}\p{Cf}]+@[^\s@\p{Cc}\p{Cf}]+$/u.test(address)
    ? address
    : undefined;
}

/** Whether Open WebUI can say which subject of the identity provider the caller is. */
export function isOpenWebUiUser({ issuer }: UserPrincipal): boolean {
  return issuer === OPEN_WEBUI_ISSUER;
}
