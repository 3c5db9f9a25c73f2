import { lookup } from 'node:dns/promises';
import ipaddr from 'ipaddr.js';
import { EditRefusedError } from '../../errors.ts';
import { parseUrl } from '../../parse-url.ts';
import { isObject } from '../shapes.ts';

type Entry = Readonly<Record<string, unknown>>;

/** All that an entry may have which is written without the right to run something. */
const REMOTE_KEYS: ReadonlySet<string> = new Set(
  [
    'type url headers title required isolation userVars customUserVars discovery disabledTools disabled_tools',
    'enabledTools tools startTimeoutMs timeoutMs idleTimeoutMs maxConcurrency maxConcurrencyPerUser maxSessions',
    'maxResultBytes toolErrorStatus resultImages access rules',
    'oversizedResults redactResults',
  ].flatMap((names) => names.split(' ')),
);
/** Where placeholders are only text. */
const TEXT_KEYS: ReadonlySet<string> = new Set([
  'title',
  'userVars',
  'customUserVars',
  'tools',
  'rules',
  'redactResults',
]);

const USER_FIELDS = 'user\\.(?:id|username|issuer|email|name|role|groups|jwt)|chat\\.id';
const BRACE_NAMES = '(?:LIBRECHAT_)?USER_(?:ID|EMAIL|NAME|USERNAME|ROLE|GROUPS)|CHAT_ID';
/** Of the host itself, of its network card, of everybody. */
const OWN_RANGES: ReadonlySet<string> = new Set(['loopback', 'linkLocal', 'unspecified', 'broadcast', 'multicast']);

/**
 * Why an entry is more than a server that is reached by URL: it runs something, or reads the service's environment or
 * files, which its URL could give away. Empty if it is not.
 */
export function remoteProblems(entry: Entry): readonly string[] {
  const keys = Object.keys(entry).filter((key) => !REMOTE_KEYS.has(key));
  const problems = keys.map((key) => `"${key}" may be set in the servers file itself only`);
  if (typeof entry.url !== 'string') problems.push('there is no "url"');
  if (typeof entry.type === 'string' && /stdio/i.test(entry.type)) problems.push('"type" is stdio');
  const names = [entry.userVars, entry.customUserVars].flatMap((one) => (isObject(one) ? Object.keys(one) : []));
  for (const [key, value] of Object.entries(entry)) {
    if (TEXT_KEYS.has(key) || !textsOf(value).some((text) => readsMore(text, names))) continue;
    problems.push(
      `"${key}" has a placeholder that is not a user's: values of the service's environment and files may be used in the servers file itself only`,
    );
  }
  return problems;
}

/**
 * Throws `EditRefusedError` if the URL's host is this one, or one that only this one can reach, such as the metadata
 * service of a cloud.
 */
export async function assertForeignHost(url: string): Promise<void> {
  const host = parseUrl(url.replace(/\$\{[^}]*\}|\{\{[^}]*\}\}/g, 'x'))?.hostname.replace(/^\[(.*)\]$/, '$1');
  if (host === undefined) return;
  const addresses = ipaddr.isValid(host) ? [host] : await addressesOf(host);
  if (!addresses.some((address) => OWN_RANGES.has(ipaddr.process(address).range()))) return;
  const message = `The host of the url is this machine or one that only it can reach (${host}); such a server can be added in the servers file itself only.`;
  throw new EditRefusedError(message);
}

/** None for a name that is not known: the server then fails in the open. */
async function addressesOf(host: string): Promise<readonly string[]> {
  try {
    return (await lookup(host, { all: true })).map(({ address }) => address);
  } catch {
    return [];
  }
}

/** Whether a text has a placeholder beside those of users and chats: whatever is not known to be one of these counts. */
function readsMore(text: string, userVariables: readonly string[]): boolean {
  // Names of variables are letters, digits and `_`; of anything else nothing is to be matched.
  const variables = userVariables.filter((name) => /^\w+$/.test(name));
  const own = [USER_FIELDS, ...variables.flatMap((name) => [name, `input:${name}`])].join('|');
  const braces = [BRACE_NAMES, ...variables].join('|');
  const known = new RegExp(`\\$\\{(?:${own})\\}|\\{\\{(?:${braces})\\}\\}`, 'g');
  const rest = text.replace(known, 'x').replace(/\$\{base64:[^${}]*\}/g, 'x');
  return text.includes('${{') || /\$\{|\{\{/.test(rest);
}

function textsOf(value: unknown): readonly string[] {
  if (typeof value === 'string') return [value];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, one]) => [key, ...textsOf(one)]);
}
