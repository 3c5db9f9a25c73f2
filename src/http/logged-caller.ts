import type { Principal } from '../auth/principal.ts';
import { toUserName } from '../auth/user.ts';

/** The fields of a log line that say who called. */
export interface LoggedCaller {
  /** `ISSUER:SUBJECT`, as commands take it. */
  readonly user?: string;
  /** `Alice Example (alice@example.org)`: what people search a log for. */
  readonly name?: string;
}

const NOBODY: LoggedCaller = {};

/**
 * Makes what log lines say of a caller who is a user. With `audit.pseudonymise` they say nothing: the log would give away
 * what the audit log hides.
 */
export function createLoggedCaller({
  pseudonymise,
}: {
  readonly pseudonymise: boolean;
}): (principal: Principal | undefined) => LoggedCaller {
  if (pseudonymise) return () => NOBODY;
  return (principal) => {
    if (principal?.kind !== 'user') return NOBODY;
    const user = `${principal.issuer}:${principal.subject}`;
    const isKnown = principal.name !== undefined || principal.email !== undefined;
    return isKnown ? { user, name: toUserName(principal) } : { user };
  };
}
