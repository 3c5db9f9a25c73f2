import type { UserProfile } from '../auth/user.ts';
import { toUserName } from '../auth/user.ts';
import type { RequestFacts } from './request-facts.ts';

/** The fields of a log line that say who called. */
export interface LoggedCaller {
  /** `ISSUER:SUBJECT`, as commands take it. */
  readonly user?: string;
  /** `Alice Example (alice@example.org)`: what people search a log for. */
  readonly name?: string;
  /** The id of the API key that was presented, or that opened the log-in to the pages. */
  readonly key?: string;
}

const NOBODY: LoggedCaller = {};

/**
 * Makes what log lines say of a caller. With `audit.pseudonymise` they say nothing: the log would give away what the audit
 * log hides.
 */
export function createLoggedCaller({
  pseudonymise,
}: {
  readonly pseudonymise: boolean;
}): (facts: Pick<RequestFacts, 'principal' | 'visitor'>) => LoggedCaller {
  if (pseudonymise) return () => NOBODY;
  return ({ principal, visitor }) => {
    if (visitor !== undefined) return toFields(visitor.user, visitor.keyId);
    if (principal === undefined || principal.kind === 'anonymous') return NOBODY;
    return toFields(principal.kind === 'user' ? principal : undefined, principal.keyId);
  };
}

function toFields(user: UserProfile | undefined, keyId: string | undefined): LoggedCaller {
  const key = keyId === undefined ? NOBODY : { key: keyId };
  if (user === undefined) return key;
  const isKnown = user.name !== undefined || user.email !== undefined;
  const id = `${user.issuer}:${user.subject}`;
  return isKnown ? { user: id, name: toUserName(user), ...key } : { user: id, ...key };
}
