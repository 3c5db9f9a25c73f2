import { UnauthenticatedError } from '../errors.ts';

/** All that a caller learns: a wrong signature, key and malformed part look the same. */
export type TokenRefusalReason = 'expired' | 'not-yet-valid' | 'wrong-issuer' | 'wrong-audience' | 'not-valid';

const MESSAGES: Readonly<Record<TokenRefusalReason, string>> = {
  expired: 'The token has expired.',
  'not-yet-valid': 'The token is not yet valid.',
  'wrong-issuer': 'The token is from an issuer that is not accepted here.',
  'wrong-audience': 'The token is meant for another audience.',
  'not-valid': 'The token is not valid.',
};

/** A token was presented and is refused: 401 with RFC 6750's `invalid_token`. */
export class TokenRefusedError extends UnauthenticatedError {
  constructor(
    readonly reason: TokenRefusalReason,
    /** For the admin's log only: what exactly was wrong. Holds nothing of the token. */
    readonly detail: string,
  ) {
    super(MESSAGES[reason], `Bearer error="invalid_token", error_description="${MESSAGES[reason]}"`);
  }
}
