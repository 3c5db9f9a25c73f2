import { isIdentifier } from '../auth/claims.ts';
import { parseScope, SCOPE_FORMS } from '../auth/scope.ts';
import { type OwnAlgorithm, parseTokenLifetime, signToken } from '../auth/token-signer.ts';
import { hmacSecretWeakness } from '../config/secret-strength.ts';
import { UsageError } from '../errors.ts';
import type { CommandResult } from './check.ts';

/** What `token issue` was asked for; each as it was typed. */
export interface TokenRequest {
  readonly user: string;
  readonly email?: string | undefined;
  readonly name?: string | undefined;
  readonly role?: string | undefined;
  readonly groups?: readonly string[] | undefined;
  readonly scopes?: readonly string[] | undefined;
  /** As `1h`; `JWT_EXPIRY` if it is not given. */
  readonly ttl?: string | undefined;
}

/** `JWT_SECRET` and its companions, as they stand in the environment. */
export interface OwnTokenSettings {
  readonly secret: string | undefined;
  readonly allowsWeakSecret?: boolean | undefined;
  /** HS256 if it is not given. */
  readonly algorithm: string | undefined;
  readonly issuer: string | undefined;
  readonly audience: string | undefined;
  /** An hour if it is not given. */
  readonly expiry: string | undefined;
}

const ALGORITHMS: readonly OwnAlgorithm[] = ['HS256', 'HS384', 'HS512'];
const DEFAULT_LIFETIME = '1h';

/**
 * `token issue`: prints a token that this service accepts, signed with `JWT_SECRET`. Throws `UsageError` when the
 * secret is missing, and for what no accepted token can say. `now` is in milliseconds since the epoch.
 */
export function issueToken(
  request: TokenRequest,
  settings: OwnTokenSettings,
  now: () => number = Date.now,
): CommandResult {
  const { user, groups = [], scopes } = request;
  const algorithm = checkAlgorithm(settings.algorithm);
  const secret = checkSecret(settings);
  const texts = [
    ['--user', user],
    ['--email', request.email],
    ['--name', request.name],
    ['--role', request.role],
    ...groups.map((group) => ['--group', group] as const),
  ] as const;
  for (const [flag, text] of texts) checkText(flag, text);
  for (const scope of scopes ?? []) checkScope(scope);
  const issuedAt = Math.floor(now() / 1_000);
  const claims = {
    subject: user,
    email: request.email,
    name: request.name,
    role: request.role,
    groups,
    scopes: scopes === undefined || scopes.length === 0 ? undefined : scopes,
    issuer: settings.issuer,
    audience: settings.audience,
    issuedAt,
    expiresAt: issuedAt + toLifetime(request.ttl, settings.expiry),
  };
  return { text: `${signToken(claims, secret, algorithm)}\n`, exitCode: 0 };
}

function checkAlgorithm(text = 'HS256'): OwnAlgorithm {
  const algorithm = ALGORITHMS.find((one) => one === text);
  if (algorithm !== undefined) return algorithm;
  throw new UsageError(
    `JWT_ALGORITHM is ${JSON.stringify(text)}, with which this service can check tokens but not issue them; it issues with ${ALGORITHMS.join(', ')}.`,
  );
}

function checkSecret({ secret, allowsWeakSecret }: OwnTokenSettings): string {
  const weakness = secret === undefined || allowsWeakSecret ? undefined : hmacSecretWeakness(secret);
  if (weakness !== undefined) throw new UsageError(`JWT_SECRET ${weakness}`);
  if (secret !== undefined && secret !== '') return secret;
  throw new UsageError('Set JWT_SECRET or JWT_SECRET_FILE to issue tokens; make one with: openssl rand -hex 32');
}

function checkText(flag: string, text: string | undefined): void {
  if (text === undefined || isIdentifier(text)) return;
  throw new UsageError(`${flag} must be 1 to 255 characters without control characters.`);
}

function checkScope(scope: string): void {
  if (parseScope(scope) !== undefined && !scope.includes(' ') && isIdentifier(scope)) return;
  throw new UsageError(`--scope ${JSON.stringify(scope)} is not a scope; the forms are ${SCOPE_FORMS}.`);
}

function toLifetime(ttl: string | undefined, expiry: string | undefined): number {
  const seconds = parseTokenLifetime(ttl ?? expiry ?? DEFAULT_LIFETIME);
  if (seconds !== undefined) return seconds;
  throw new UsageError(
    `${ttl === undefined ? 'JWT_EXPIRY' : '--ttl'} must be a time such as 90s, 30m, 1h or 7d, at most ten years.`,
  );
}
