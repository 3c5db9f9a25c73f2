import type { AuthSettings } from '../auth/auth-settings.ts';
import type { ConfigProblem } from '../errors.ts';
import { userPlaceholders } from '../placeholders/resolve-template.ts';
import { templatesOf } from './ambiguous-users.ts';
import type { ServerConfig } from './server-config.ts';

/** The settings, in which it is said whether Open WebUI is asked for groups. */
export function withGroupUse(auth: AuthSettings, servers: readonly ServerConfig[]): AuthSettings {
  return { ...auth, openWebUi: { ...auth.openWebUi, asksForGroups: dependsOnGroups(servers, auth) } };
}

/** Whether anything in the configuration depends on the groups of a user. */
function dependsOnGroups(servers: readonly ServerConfig[], { scopesByGroup }: AuthSettings): boolean {
  return scopesByGroup.size > 0 || servers.some((server) => isForGroups(server) || receivesGroups(server));
}

/**
 * A warning if groups decide who may call and no way in which Open WebUI's users are known brings any: with a user JWT
 * they come in plain headers, which must be trusted too.
 */
export function groupWarnings(servers: readonly ServerConfig[], auth: AuthSettings): readonly ConfigProblem[] {
  const { userJwtSecret, trustUserHeaders } = auth.openWebUi;
  const areUsed = auth.scopesByGroup.size > 0 || servers.some(isForGroups);
  if (!areUsed || userJwtSecret === undefined || trustUserHeaders) return [];
  const message =
    'the user JWT does not name groups, so users who come with one are in none; set MCPO_TRUST_USER_HEADERS=true if only Open WebUI has the keys that assert users, to read the groups from its headers.';
  return [{ key: 'MCPO_OPENWEBUI_USER_JWT_SECRET', message }];
}

function isForGroups({ access }: ServerConfig): boolean {
  const lists = access === undefined ? [] : [access, ...(access.tools?.values() ?? [])];
  return lists.some(({ groups }) => groups !== undefined && groups.length > 0);
}

function receivesGroups({ transport }: ServerConfig): boolean {
  const placeholders = templatesOf(transport).flatMap(userPlaceholders);
  return placeholders.some((one) => one.kind === 'user' && (one.field === 'groups' || one.field === 'jwt'));
}
