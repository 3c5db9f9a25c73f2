import { nearestName } from './nearest-name.ts';
import { isObject } from './shapes.ts';

const LIST = 'mcpServers';

/** What to change in a file that has no list of servers: where the servers seem to be instead; `undefined` if nowhere. */
export function describeMisplacedServers(content: Readonly<Record<string, unknown>>): string | undefined {
  const misspelt = Object.keys(content).find((key) => nearestName(key, [LIST]) !== undefined);
  if (misspelt !== undefined) return `did you mean "${LIST}" for "${misspelt}"?`;
  if (isServer(content)) return `this is one server; put it into {"${LIST}": {"NAME": …}}.`;
  if (isServerList(content)) return `put everything into {"${LIST}": …}.`;
  for (const [key, value] of Object.entries(content)) {
    if (isServerList(value)) return `rename "${key}" to "${LIST}".`;
    // VS Code's settings.json.
    const inner = isObject(value) ? Object.keys(value).find((one) => isServerList(value[one])) : undefined;
    if (inner !== undefined) return `move the content of "${key}.${inner}" to "${LIST}" at the top.`;
  }
  return undefined;
}

function isServerList(value: unknown): boolean {
  return isObject(value) && Object.values(value).length > 0 && Object.values(value).every(isServer);
}

function isServer(value: unknown): boolean {
  return isObject(value) && (value.command !== undefined || typeof value.url === 'string');
}

const TRANSPORT_KEYS: ReadonlyMap<string, readonly string[]> = new Map([
  ['command', ['cmd', 'program', 'executable', 'exec']],
  ['url', ['uri', 'endpoint', 'serverUrl', 'httpUrl', 'baseUrl', 'sseUrl', 'href']],
]);

/** `did you mean "command" for "comand"?` for an entry that has neither `command` nor `url`; `undefined` if no key resembles one. */
export function describeMisspeltTransport(given: Readonly<Record<string, unknown>>, known: ReadonlySet<string>) {
  for (const key of Object.keys(given).filter((one) => !known.has(one))) {
    for (const [meant, others] of TRANSPORT_KEYS) {
      const isMeant = nearestName(key, [meant, ...others]) !== undefined;
      if (isMeant) return `did you mean "${meant}" for "${key}"?`;
    }
  }
  return undefined;
}
