import type { AuthSettings } from '../auth/auth-settings.ts';
import { ConfigError, type ConfigProblem } from '../errors.ts';
import type { AuthFile } from './auth-schema.ts';
import type { Environment } from './environment.ts';
import { toIssuer, toOwnIssuer } from './resolve-issuers.ts';
import { apiKeyWeakness, hashedKeyWeakness, hmacSecretWeakness } from './secret-strength.ts';

const SECRET_KEY_ALONE =
  'needs MCPO_OPENWEBUI_URL beside it: a session token does not say whether its user is still pending, so Open WebUI must be asked.';

/** The single API key, with the flag or variable that gives it. */
export interface GivenApiKey {
  readonly name: string;
  readonly value: string;
}

export interface ResolveAuthOptions {
  readonly apiKey?: GivenApiKey | undefined;
  readonly allowsWeakSecrets?: boolean | undefined;
}

/** Combines `auth` of the servers file with the variables. Throws `ConfigError` with every problem. */
export function resolveAuth(
  file: AuthFile,
  { values, secrets }: Pick<Environment, 'values' | 'secrets'>,
  { apiKey, allowsWeakSecrets }: ResolveAuthOptions = {},
): AuthSettings {
  const problems: ConfigProblem[] = [];
  const issuers = file.issuers.map((issuer) => toIssuer(issuer, problems));
  const own = toOwnIssuer(values, secrets, problems);
  const { MCPO_OPENWEBUI_SECRET_KEY: secretKey, MCPO_OPENWEBUI_USER_JWT_SECRET: userJwtSecret } = secrets;
  const { MCPO_OPENWEBUI_URL: url, MCPO_TRUST_USER_HEADERS: trustUserHeaders = false } = values;
  if (secretKey !== undefined && url === undefined) {
    problems.push({ key: 'MCPO_OPENWEBUI_SECRET_KEY', message: SECRET_KEY_ALONE });
  }
  if (!allowsWeakSecrets) problems.push(...weakSecrets(file, secrets, apiKey));
  if (problems.length > 0) throw new ConfigError(problems);
  return {
    apiKey: apiKey?.value,
    keys: file.keys,
    issuers: own === undefined ? issuers : [own, ...issuers],
    scopesByRole: file.roles,
    scopesByGroup: file.groups,
    openWebUi: { userJwtSecret, secretKey, url, trustUserHeaders, headers: file.openWebUi.headers },
  };
}

/** Whether anything is configured that a caller must present. */
export function hasAuthentication({ apiKey, keys, issuers, openWebUi }: AuthSettings): boolean {
  const { secretKey, url } = openWebUi;
  return keys.length > 0 || issuers.length > 0 || [apiKey, secretKey, url].some((one) => one !== undefined);
}

function weakSecrets(
  file: AuthFile,
  secrets: Environment['secrets'],
  apiKey: GivenApiKey | undefined,
): readonly ConfigProblem[] {
  const found: ConfigProblem[] = [];
  const note = (key: string, weakness: string | undefined, what = '') => {
    if (weakness !== undefined) found.push({ key, message: `${what}${weakness}` });
  };
  if (apiKey !== undefined) note(apiKey.name, apiKeyWeakness(apiKey.value));
  for (const { id, hash } of file.keys) note('auth.keys', hashedKeyWeakness(hash), `the key "${id}" `);
  for (const name of ['JWT_SECRET', 'MCPO_OPENWEBUI_USER_JWT_SECRET', 'MCPO_OPENWEBUI_SECRET_KEY'] as const) {
    const secret = secrets[name];
    if (secret !== undefined) note(name, hmacSecretWeakness(secret));
  }
  for (const { issuer, secret } of file.issuers) {
    if (secret !== undefined) note('auth.issuers', hmacSecretWeakness(secret), `the secret of "${issuer}" `);
  }
  return found;
}

/** The secrets of the authentication settings, which must never be printed. */
export function authSecrets({ apiKey, issuers, openWebUi }: AuthSettings): readonly string[] {
  const secrets = issuers.map(({ keySource }) => (keySource.kind === 'secret' ? keySource.secret : undefined));
  return [apiKey, ...secrets, openWebUi.userJwtSecret, openWebUi.secretKey].filter((one) => one !== undefined);
}
