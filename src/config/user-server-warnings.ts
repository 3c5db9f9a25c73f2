import type { AuthSettings } from '../auth/auth-settings.ts';
import type { ConfigProblem } from '../errors.ts';
import { hasUserPlaceholder } from '../placeholders/resolve-template.ts';
import type { ServerConfig } from './server-config.ts';
import type { Settings } from './settings.ts';

const MAX_NAMES = 5;

export interface UserServerFacts {
  readonly settings: Pick<Settings, 'servers' | 'host' | 'publicUrl' | 'hasAuthentication'>;
  readonly auth: AuthSettings;
  /** The database has API keys, which may be those of users. */
  readonly hasStoredKeys: boolean;
}

/** What would fail at the first call of a server that has to know its user: nothing says who calls, or links lead nowhere. */
export function userServerWarnings(facts: UserServerFacts): readonly ConfigProblem[] {
  return [...identityWarnings(facts), ...publicUrlWarnings(facts)];
}

function identityWarnings({ settings, auth, hasStoredKeys }: UserServerFacts): readonly ConfigProblem[] {
  const servers = settings.servers.filter(needsUser);
  if (servers.length === 0 || hasIdentitySource(auth, hasStoredKeys)) return [];
  const key = settings.hasAuthentication ? '' : 'MCPO_API_KEY and ';
  const names = listNames(servers);
  const message = `calls to ${names} will be refused: ${servers.length === 1 ? 'it has to' : 'they have to'} know who calls, and no source of identity is configured. Set ${key}MCPO_OPENWEBUI_USER_JWT_SECRET (to Open WebUI's FORWARD_USER_INFO_HEADER_JWT_SECRET) or MCPO_TRUST_USER_HEADERS; or JWT_SECRET or JWT_ISSUER, for tokens; or create a key for each user with "mcpo-ts key create --user".`;
  return [{ message }];
}

/** Each user has a session of their own, or only some of them may call. */
function needsUser({ isolation, access, callMeta }: ServerConfig): boolean {
  if (isolation !== 'shared' || [...callMeta.values()].some(hasUserPlaceholder)) return true;
  if (access === undefined) return false;
  return [access, ...access.tools.values()].some(({ roles, users, groups }) => roles ?? users ?? groups);
}

function hasIdentitySource({ apiKey, keys, issuers, openWebUi }: AuthSettings, hasStoredKeys: boolean): boolean {
  const { userJwtSecret, trustUserHeaders, secretKey, url } = openWebUi;
  const hasAsserter = apiKey !== undefined || keys.some(({ assertsUser }) => assertsUser);
  const believesHeaders = trustUserHeaders || userJwtSecret !== undefined;
  return (
    hasStoredKeys ||
    issuers.length > 0 ||
    keys.some(({ user }) => user !== undefined) ||
    secretKey !== undefined ||
    url !== undefined ||
    (believesHeaders && hasAsserter)
  );
}

function publicUrlWarnings({ settings }: UserServerFacts): readonly ConfigProblem[] {
  const { servers, host, publicUrl, hasAuthentication } = settings;
  const isLocal = /^(localhost|127\.|::1$)/i.test(host);
  const hasLinks = servers.some(({ userVars }) => userVars.size > 0);
  if (!hasLinks || publicUrl !== undefined || !hasAuthentication || isLocal) return [];
  const message =
    'links that users open will have the host of the request, and no browser reaches one such as http://mcpo:8000; set MCPO_PUBLIC_URL to the address that users open, such as https://tools.example.org.';
  return [{ message }];
}

function listNames(servers: readonly Pick<ServerConfig, 'name'>[]): string {
  const names = servers.slice(0, MAX_NAMES).map(({ name }) => `"${name}"`);
  const more = servers.length - names.length;
  return more > 0 ? `${names.join(', ')} and ${more} more` : names.join(', ');
}
