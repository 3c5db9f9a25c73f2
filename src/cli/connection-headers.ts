import type { AuthSettings, OpenWebUiSettings } from '../auth/auth-settings.ts';
import type { ServerConfig } from '../config/server-config.ts';

/** `headers` of a connection: an object, or `null` for none. */
export type ConnectionHeaders = Readonly<Record<string, string>> | null;

/** What Open WebUI fills in (`backend/open_webui/utils/headers.py`), by the header that the service reads it from. */
const TEMPLATES: readonly (readonly [keyof OpenWebUiSettings['headers'], string])[] = [
  ['userId', '{{USER_ID}}'],
  ['userEmail', '{{USER_EMAIL}}'],
  ['userName', '{{USER_NAME}}'],
  ['userRole', '{{USER_ROLE}}'],
  ['userGroups', '{{USER_GROUPS}}'],
  ['userGroupIds', '{{USER_GROUP_IDS}}'],
  ['chatId', '{{CHAT_ID}}'],
  ['messageId', '{{MESSAGE_ID}}'],
];

/**
 * The headers that name the user of a call, under the names that this service reads; `null` where nothing depends on who
 * calls: Open WebUI then does not send its users' names and addresses with every call.
 */
export function connectionHeaders(
  servers: readonly ServerConfig[],
  { openWebUi, scopesByRole, scopesByGroup }: AuthSettings,
): ConnectionHeaders {
  const { headers, trustUserHeaders, userJwtSecret } = openWebUi;
  const doUsersMatter =
    trustUserHeaders ||
    userJwtSecret !== undefined ||
    scopesByRole.size + scopesByGroup.size > 0 ||
    servers.some(
      ({ isolation, access, callMeta }) => isolation !== 'shared' || access !== undefined || callMeta.size > 0,
    );
  if (!doUsersMatter) return null;
  return Object.fromEntries(TEMPLATES.map(([header, template]) => [toHeaderCase(headers[header]), template]));
}

/** As Open WebUI's documentation writes header names: `X-OpenWebUI-User-Id`. Case does not count. */
function toHeaderCase(name: string): string {
  const words = name.split('-').map((word) => word.charAt(0).toUpperCase() + word.slice(1));
  return words.map((word) => (word === 'Openwebui' ? 'OpenWebUI' : word)).join('-');
}
