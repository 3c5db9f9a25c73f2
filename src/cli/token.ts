import { isIdentifier, OWN_ISSUER } from '../auth/claims.ts';
import { parseScope, SCOPE_FORMS } from '../auth/scope.ts';
import { signToken } from '../auth/token.ts';
import { OPEN_WEBUI_ISSUER } from '../auth/user.ts';
import { ANY_AUDIENCE, HMAC_ALGORITHMS } from '../config/auth-schema.ts';
import { parseDuration } from '../config/duration.ts';
import type { Environment } from '../config/environment.ts';
import { hmacSecretWeakness } from '../config/secret-strength.ts';
import { UsageError } from '../errors.ts';
import { type CommandResult, done } from './command-result.ts';

/** Ten years. */
const MAX_LIFETIME_SECONDS = 315_360_000;

/** The flags of `mcpo-ts token issue`. */
export interface TokenRequest {
  readonly user: string;
  /** Whose user it is: `open-webui`, or our own issuer, which is the default. */
  readonly issuer?: string;
  readonly email?: string;
  readonly name?: string;
  readonly role?: string;
  readonly group?: readonly string[];
  readonly scope?: readonly string[];
  /** As `1h`; `JWT_EXPIRY` if absent. */
  readonly ttl?: string;
  readonly allowWeakSecrets?: true;
}

/**
 * `mcpo-ts token issue`: prints a token that this service accepts, signed with `JWT_SECRET`. Throws `UsageError` when
 * the secret is missing, and for values that no accepted token can have. `now` is in milliseconds since the epoch.
 */
export function issueToken(
  request: TokenRequest,
  { values, secrets }: Pick<Environment, 'values' | 'secrets'>,
  now = Date.now(),
): CommandResult {
  const { user, email, name, role, group: groups = [], scope: scopes = [], ttl } = request;
  const { JWT_ALGORITHM = ['HS256'], JWT_ISSUER, JWT_AUDIENCE = [], JWT_EXPIRY } = values;
  const algorithm = HMAC_ALGORITHMS.find((one) => one === JWT_ALGORITHM[0]);
  if (algorithm === undefined) {
    throw new UsageError(
      `JWT_ALGORITHM is "${JWT_ALGORITHM[0]}", with which this service can check tokens but not issue them; it issues with ${HMAC_ALGORITHMS.join(', ')}.`,
    );
  }
  const userIssuer = checkIssuer(request.issuer, JWT_ISSUER);
  const secret = checkSecret(secrets.JWT_SECRET, request);
  const texts = { user, email, name, role };
  for (const [flag, text] of [...Object.entries(texts), ...groups.map((group) => ['group', group] as const)]) {
    if (text === undefined || isIdentifier(text)) continue;
    throw new UsageError(`--${flag} must be 1 to 255 characters without control characters.`);
  }
  for (const scope of scopes) {
    if (parseScope(scope) !== undefined && !scope.includes(' ') && isIdentifier(scope)) continue;
    throw new UsageError(`--scope ${JSON.stringify(scope)} is not a scope; the forms are ${SCOPE_FORMS}.`);
  }
  const seconds = parseLifetime(ttl ?? JWT_EXPIRY ?? '1h');
  if (seconds === undefined) {
    const flag = ttl === undefined ? 'JWT_EXPIRY' : '--ttl';
    throw new UsageError(`${flag} must be a time such as 90s, 30m, 1h or 7d, at most ten years.`);
  }
  const iat = Math.floor(now / 1_000);
  const claims = {
    sub: user,
    email,
    name,
    role,
    groups: groups.length === 0 ? undefined : groups,
    scope: scopes.length === 0 ? undefined : scopes.join(' '),
    iss: JWT_ISSUER,
    user_issuer: userIssuer,
    // Any of them is accepted; `*` is not an audience.
    aud: JWT_AUDIENCE.find((one) => one !== ANY_AUDIENCE),
    iat,
    exp: iat + seconds,
  };
  return done(`${signToken(claims, secret, algorithm)}\n`);
}

/** `open-webui` if the token is about a user of Open WebUI. The token itself is ours, whoever it is about. */
function checkIssuer(issuer: string | undefined, own = OWN_ISSUER): typeof OPEN_WEBUI_ISSUER | undefined {
  if (issuer === OPEN_WEBUI_ISSUER) return issuer;
  if (issuer === undefined || issuer === own) return undefined;
  throw new UsageError(
    `--issuer "${issuer}" is not an issuer whose users this service may name: give "${OPEN_WEBUI_ISSUER}" for a user of Open WebUI, or leave it out for "${own}".`,
  );
}

function checkSecret(secret: string | undefined, { allowWeakSecrets }: TokenRequest): string {
  if (secret === undefined) {
    throw new UsageError('Set JWT_SECRET or JWT_SECRET_FILE to issue tokens; create one with: openssl rand -hex 32');
  }
  const weakness = allowWeakSecrets ? undefined : hmacSecretWeakness(secret);
  if (weakness !== undefined) throw new UsageError(`JWT_SECRET ${weakness}`);
  return secret;
}

/** In seconds, which a bare number is too; `undefined` for anything else, or for more than ten years. */
function parseLifetime(text: string): number | undefined {
  const seconds = parseDuration(/^\d+$/.test(text) ? `${text}s` : text) ?? 0;
  return seconds >= 1 && seconds <= MAX_LIFETIME_SECONDS ? seconds : undefined;
}
