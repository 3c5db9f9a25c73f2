import type { AuthSettings } from '../auth/auth-settings.ts';
import { ConfigError, type ConfigProblem, UsageError } from '../errors.ts';
import type { AuthFile } from './auth-schema.ts';
import type { Environment } from './environment.ts';
import { toLogInProviders } from './log-in-providers.ts';
import { resolveIdentity } from './resolve-identity.ts';
import { toIssuer, toOwnIssuer } from './resolve-issuers.ts';
import { apiKeyWeakness, hashedKeyWeakness, hmacSecretWeakness } from './secret-strength.ts';
import type { ServiceOptions } from './service-options.ts';

const SECRET_KEY_ALONE =
  'needs MCPO_OPENWEBUI_URL beside it: a session token does not say whether its user is still pending, so Open WebUI must be asked.';

const COOKIE_ALONE = 'needs MCPO_OPENWEBUI_URL beside it, where the session is checked.';

/** Combines `auth` of the servers file with the variables and flags. Throws `ConfigError` with every problem, `UsageError` for an empty key. */
export function resolveAuth(
  file: AuthFile,
  { values, secrets, variables }: Pick<Environment, 'values' | 'secrets' | 'variables'>,
  options: Pick<ServiceOptions, 'apiKey' | 'allowWeakSecrets'> = {},
): AuthSettings {
  const apiKey = resolveApiKey(options, secrets);
  const problems: ConfigProblem[] = [];
  const previousApiKey = secrets.MCPO_API_KEY_PREVIOUS;
  for (const [name, isAlone] of [
    ['MCPO_API_KEY', previousApiKey !== undefined && apiKey === undefined],
    ['JWT_SECRET', secrets.JWT_SECRET_PREVIOUS !== undefined && secrets.JWT_SECRET === undefined],
  ] as const) {
    if (isAlone) problems.push({ key: `${name}_PREVIOUS`, message: `needs ${name} beside it, the secret after it.` });
  }
  const issuers = file.issuers.map((issuer) => toIssuer(issuer, problems));
  const own = toOwnIssuer(values, secrets, problems);
  const { MCPO_OPENWEBUI_SECRET_KEY: secretKey, MCPO_OPENWEBUI_USER_JWT_SECRET: userJwtSecret } = secrets;
  const { MCPO_OPENWEBUI_API_KEY: openWebUiKey } = secrets;
  const cookie = values.MCPO_OPENWEBUI_COOKIE ?? file.openWebUi.cookie;
  const { MCPO_OPENWEBUI_URL: url, MCPO_TRUST_USER_HEADERS: trustUserHeaders = false } = values;
  if (secretKey !== undefined && url === undefined) {
    problems.push({ key: 'MCPO_OPENWEBUI_SECRET_KEY', message: SECRET_KEY_ALONE });
  }
  const known = own === undefined ? issuers : [own, ...issuers];
  const logIn = toLogInProviders(file.login, known, variables, problems);
  const identity = resolveIdentity(file, known, problems);
  if (cookie && url === undefined) {
    problems.push({ key: 'MCPO_OPENWEBUI_COOKIE', message: COOKIE_ALONE });
  }
  if (!options.allowWeakSecrets) problems.push(...weakSecrets(file, secrets, apiKey));
  if (problems.length > 0) throw new ConfigError(problems);
  return {
    apiKey: apiKey?.value,
    ...(previousApiKey && { previousApiKey }),
    keys: file.keys,
    issuers: known,
    logIn,
    identity,
    scopesByRole: file.roles,
    scopesByGroup: file.groups,
    openWebUi: {
      userJwtSecret,
      secretKey,
      url,
      apiKey: openWebUiKey,
      trustUserHeaders,
      cookie,
      headers: file.openWebUi.headers,
      asksForGroups: false,
    },
  };
}

/** Whether anything is configured that a caller must present. */
export function hasAuthentication({ apiKey, keys, issuers, logIn, openWebUi }: AuthSettings): boolean {
  const { secretKey, url } = openWebUi;
  return (
    [keys, issuers, logIn].some(({ length }) => length > 0) || [apiKey, secretKey, url].some((one) => one !== undefined)
  );
}

/** The single key, with the flag or variable that gives it. Throws `UsageError` for an empty flag. */
function resolveApiKey({ apiKey }: Pick<ServiceOptions, 'apiKey'>, secrets: Environment['secrets']) {
  if (apiKey !== undefined) {
    // An unset shell variable leaves this behind; taking it for "no key" would open the service.
    if (apiKey.trim() === '') throw new UsageError('--api-key is empty; give it a value or leave it out.');
    return { name: '--api-key', value: apiKey.trim() };
  }
  const name = (['MCPO_API_KEY', 'API_KEY'] as const).find((one) => secrets[one] !== undefined);
  return name && { name, value: secrets[name] ?? '' };
}

function weakSecrets(
  file: AuthFile,
  secrets: Environment['secrets'],
  apiKey: ReturnType<typeof resolveApiKey>,
): readonly ConfigProblem[] {
  const found: ConfigProblem[] = [];
  const note = (key: string, weakness: string | undefined, what = '') => {
    if (weakness !== undefined) found.push({ key, message: `${what}${weakness}` });
  };
  if (apiKey !== undefined) note(apiKey.name, apiKeyWeakness(apiKey.value));
  const { MCPO_API_KEY_PREVIOUS: previous } = secrets;
  if (previous !== undefined) note('MCPO_API_KEY_PREVIOUS', apiKeyWeakness(previous));
  for (const { id, hash } of file.keys) note('auth.keys', hashedKeyWeakness(hash), `the key "${id}" `);
  for (const name of [
    'JWT_SECRET',
    'JWT_SECRET_PREVIOUS',
    'MCPO_OPENWEBUI_USER_JWT_SECRET',
    'MCPO_OPENWEBUI_SECRET_KEY',
  ] as const) {
    const secret = secrets[name];
    if (secret !== undefined) note(name, hmacSecretWeakness(secret));
  }
  for (const { issuer, secret } of file.issuers) {
    if (secret !== undefined) note('auth.issuers', hmacSecretWeakness(secret), `the secret of "${issuer}" `);
  }
  return found;
}

/** The secrets of the authentication settings, which must never be printed. */
export function authSecrets({ apiKey, previousApiKey, issuers, logIn, openWebUi }: AuthSettings): readonly string[] {
  const secrets = issuers.flatMap(({ keySource }) =>
    keySource.kind === 'secret' ? [keySource.secret, keySource.previousSecret] : [],
  );
  const clientSecrets = logIn.map(({ clientSecret }) => clientSecret);
  return [
    apiKey,
    previousApiKey,
    ...secrets,
    ...clientSecrets,
    openWebUi.userJwtSecret,
    openWebUi.secretKey,
    openWebUi.apiKey,
  ].filter((one) => one !== undefined);
}
