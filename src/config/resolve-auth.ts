import type { ApiKeyRecord, AuthSettings } from '../auth/auth-settings.ts';
import { ConfigError, type ConfigProblem } from '../errors.ts';
import type { AuthFile } from './auth-schema.ts';
import type { Environment } from './environment.ts';
import { defined, toIssuer, toOwnIssuer } from './resolve-issuers.ts';
import { apiKeyWeakness, hashedKeyWeakness, hmacSecretWeakness } from './secret-strength.ts';

const DEFAULT_HEADERS: AuthSettings['openWebUi']['headers'] = {
  userJwt: 'x-openwebui-user-jwt',
  userId: 'x-openwebui-user-id',
  userEmail: 'x-openwebui-user-email',
  userName: 'x-openwebui-user-name',
  userRole: 'x-openwebui-user-role',
  chatId: 'x-openwebui-chat-id',
};

const SECRET_KEY_ALONE =
  'needs MCPO_OPENWEBUI_URL beside it: a session token does not say whether its user is still pending, so Open WebUI must be asked.';

export interface ResolveAuthOptions {
  /** The single key, with the flag or variable that it came from. */
  readonly apiKey?: { readonly name: string; readonly value: string } | undefined;
  readonly allowsWeakSecrets?: boolean | undefined;
}

/** Combines `auth` of the servers file with the variables. Throws `ConfigError` with every problem. */
export function resolveAuth(
  file: AuthFile | undefined,
  environment: Pick<Environment, 'jwt' | 'openWebUi'>,
  { apiKey, allowsWeakSecrets }: ResolveAuthOptions = {},
): AuthSettings {
  const problems: ConfigProblem[] = [];
  const issuers = (file?.issuers ?? []).map((issuer) => toIssuer(issuer, problems));
  const own = toOwnIssuer(environment.jwt, problems);
  if (environment.openWebUi.secretKey !== undefined && environment.openWebUi.url === undefined) {
    problems.push({ key: 'MCPO_OPENWEBUI_SECRET_KEY', message: SECRET_KEY_ALONE });
  }
  if (!allowsWeakSecrets) problems.push(...weakSecrets(file, environment, apiKey));
  if (problems.length > 0) throw new ConfigError(problems);
  return {
    apiKey: apiKey?.value,
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

function weakSecrets(
  file: AuthFile | undefined,
  { jwt, openWebUi }: Pick<Environment, 'jwt' | 'openWebUi'>,
  apiKey: ResolveAuthOptions['apiKey'],
): readonly ConfigProblem[] {
  const found: ConfigProblem[] = [];
  const note = (key: string, weakness: string | undefined, what = '') => {
    if (weakness !== undefined) found.push({ key, message: `${what}${weakness}` });
  };
  if (apiKey !== undefined) note(apiKey.name, apiKeyWeakness(apiKey.value));
  for (const { id, hash } of file?.keys ?? []) note('auth.keys', hashedKeyWeakness(hash), `the key "${id}" `);
  for (const [name, secret] of [
    ['JWT_SECRET', jwt.secret],
    ['MCPO_OPENWEBUI_USER_JWT_SECRET', openWebUi.userJwtSecret],
    ['MCPO_OPENWEBUI_SECRET_KEY', openWebUi.secretKey],
  ] as const) {
    if (secret !== undefined) note(name, hmacSecretWeakness(secret));
  }
  for (const { issuer, secret } of file?.issuers ?? []) {
    if (secret !== undefined) note('auth.issuers', hmacSecretWeakness(secret), `the secret of "${issuer}" `);
  }
  return found;
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

/** The values in there that must never be printed. */
export function authSecrets({ apiKey, issuers, openWebUi }: AuthSettings): readonly string[] {
  const secrets = issuers.map(({ keySource }) => (keySource.kind === 'secret' ? keySource.secret : undefined));
  return [apiKey, ...secrets, openWebUi.userJwtSecret, openWebUi.secretKey].filter((one) => one !== undefined);
}
