import type { ApiKeyRecord, AuthSettings, ClaimNames, IssuerSettings, KeySource } from '../auth/auth-settings.ts';
import { ConfigError, type ConfigProblem } from '../errors.ts';
import { ALGORITHMS, type AuthFile, type JwtAlgorithm } from './auth-schema.ts';
import { readTextFile } from './env-file.ts';
import type { Environment, JwtEnvironment } from './environment.ts';

const ASYMMETRIC = ALGORITHMS.filter((one) => !one.startsWith('HS'));

/** As OpenID Connect has them, where it has any. */
export const DEFAULT_CLAIMS: ClaimNames = {
  subject: 'sub',
  email: 'email',
  name: 'name',
  role: 'role',
  groups: 'groups',
  scope: 'scope',
};

const DEFAULT_HEADERS: AuthSettings['openWebUi']['headers'] = {
  userJwt: 'x-openwebui-user-jwt',
  userId: 'x-openwebui-user-id',
  userEmail: 'x-openwebui-user-email',
  userName: 'x-openwebui-user-name',
  userRole: 'x-openwebui-user-role',
  chatId: 'x-openwebui-chat-id',
};

type IssuerFile = AuthFile['issuers'][number];

/** Combines `auth` of the servers file with the variables. Throws `ConfigError` with every problem. */
export function resolveAuth(
  file: AuthFile | undefined,
  environment: Pick<Environment, 'jwt' | 'openWebUi'>,
  apiKey: string | undefined,
): AuthSettings {
  const problems: ConfigProblem[] = [];
  const issuers = (file?.issuers ?? []).map((issuer) => toIssuer(issuer, problems));
  const own = ownIssuer(environment.jwt, problems);
  if (problems.length > 0) throw new ConfigError(problems);
  return {
    apiKey,
    keys: (file?.keys ?? []).map(toRecord),
    issuers: own === undefined ? issuers : [own, ...issuers],
    scopesByRole: file?.roles ?? new Map(),
    scopesByGroup: file?.groups ?? new Map(),
    openWebUi: { ...environment.openWebUi, headers: { ...DEFAULT_HEADERS, ...defined(file?.openWebUi.headers ?? {}) } },
  };
}

/** Whether anything is configured that a caller must present. */
export function hasAuthentication({ apiKey, keys, issuers, openWebUi }: AuthSettings): boolean {
  return (
    apiKey !== undefined ||
    keys.length > 0 ||
    issuers.length > 0 ||
    openWebUi.secretKey !== undefined ||
    openWebUi.url !== undefined
  );
}

function toRecord({ id, hash, scopes, user, assertsUser, expires }: AuthFile['keys'][number]): ApiKeyRecord {
  return {
    id,
    hash,
    scopes,
    user,
    assertsUser,
    expiresAt: expires === undefined ? undefined : Date.parse(expires),
    lastUsedAt: undefined,
    createdAt: 0,
  };
}

function toIssuer(issuer: IssuerFile, problems: ConfigProblem[]): IssuerSettings {
  const keySource = toKeySource(issuer, problems);
  const usable: readonly JwtAlgorithm[] = keySource.kind === 'secret' ? ['HS256', 'HS384', 'HS512'] : ASYMMETRIC;
  const algorithms = issuer.algorithms ?? usable;
  if (!algorithms.every((one) => usable.includes(one))) {
    const message = `"${issuer.issuer}" has algorithms that its kind of key cannot check; use ${usable.join(', ')}.`;
    problems.push({ key: 'auth.issuers', message });
  }
  return {
    issuer: issuer.issuer,
    audiences: issuer.audience ?? [],
    algorithms,
    keySource,
    claims: { ...DEFAULT_CLAIMS, ...defined(issuer.claims) },
  };
}

function toKeySource(issuer: IssuerFile, problems: ConfigProblem[]): KeySource {
  if (issuer.secret !== undefined) return { kind: 'secret', secret: issuer.secret };
  if (issuer.publicKey !== undefined) return { kind: 'public-key', pem: issuer.publicKey };
  if (issuer.jwksUri !== undefined) return { kind: 'key-set', uri: issuer.jwksUri };
  if (issuer.publicKeyFile === undefined) return { kind: 'discovery' };
  try {
    return { kind: 'public-key', pem: readTextFile(issuer.publicKeyFile) };
  } catch (error) {
    const reason = error instanceof Error ? error.message : 'cannot be read';
    problems.push({ key: 'auth.issuers', message: `the file "${issuer.publicKeyFile}" ${reason}.` });
    return { kind: 'public-key', pem: '' };
  }
}

/** `JWT_SECRET`, else `JWT_PUBLIC_KEY`, else the key set of `JWT_ISSUER`. */
function ownIssuer(jwt: JwtEnvironment, problems: ConfigProblem[]): IssuerSettings | undefined {
  const { secret, publicKey, issuer } = jwt;
  const keySource: KeySource | undefined =
    secret !== undefined
      ? { kind: 'secret', secret }
      : publicKey !== undefined
        ? { kind: 'public-key', pem: publicKey.replaceAll('\\n', '\n') }
        : issuer !== undefined
          ? { kind: 'discovery' }
          : undefined;
  if (keySource === undefined) {
    if (jwt.audience !== undefined) {
      problems.push({ key: 'JWT_AUDIENCE', message: 'needs JWT_SECRET, JWT_PUBLIC_KEY or JWT_ISSUER beside it.' });
    }
    return undefined;
  }
  if (keySource.kind === 'discovery' && (issuer === undefined || !/^https?:\/\//i.test(issuer))) {
    const message = 'must be the URL of the issuer, whose key set is read from it, unless JWT_SECRET is set.';
    problems.push({ key: 'JWT_ISSUER', message });
  }
  const isSecret = keySource.kind === 'secret';
  const algorithms = jwt.algorithms ?? (isSecret ? ['HS256'] : ASYMMETRIC);
  if (!algorithms.every((one) => one.startsWith('HS') === isSecret)) {
    const message = isSecret ? 'must be HS256, HS384 or HS512 with JWT_SECRET.' : 'must not be HS… without JWT_SECRET.';
    problems.push({ key: 'JWT_ALGORITHM', message });
  }
  return {
    issuer,
    audiences: jwt.audience === undefined ? [] : jwt.audience.split(/[\s,]+/).filter(Boolean),
    algorithms,
    keySource,
    claims: DEFAULT_CLAIMS,
  };
}

function defined<Value extends object>(value: Value): { [Key in keyof Value]-?: Exclude<Value[Key], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined)) as never;
}

/** The values in there that must never be printed. */
export function authSecrets({ apiKey, issuers, openWebUi }: AuthSettings): readonly string[] {
  const secrets = issuers.map(({ keySource }) => (keySource.kind === 'secret' ? keySource.secret : undefined));
  return [apiKey, ...secrets, openWebUi.userJwtSecret, openWebUi.secretKey].filter((one) => one !== undefined);
}
