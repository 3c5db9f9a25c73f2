import type { UserId } from '../auth/user.ts';
import type { Environment } from '../config/environment.ts';
import { loadServers } from '../config/load-settings.ts';
import { nearestName } from '../config/nearest-name.ts';
import { serverNameProblem } from '../config/server-entry.ts';
import { UsageError } from '../errors.ts';
import { parseUrl } from '../parse-url.ts';
import type { SecretStore } from '../vault/secret-store.ts';
import { createLink, LINK_LIFETIME_MS } from '../vault/setup-links.ts';
import { type CommandResult, done, toTimeText } from './command-result.ts';

/** The flags of `mcpo-ts vault link`. */
export interface LinkFlags {
  /** The servers file, to check the server's name. */
  readonly config?: string;
  /** Where users reach the service; default: `MCPO_PUBLIC_URL`. */
  readonly baseUrl?: string;
}

const DEFAULT_BASE_URL = 'http://localhost:8000';

/** Reads the URL that links begin with, and checks the server. Throws `UsageError`, `ConfigError`. */
export function readLinkRequest(server: string, { config, baseUrl }: LinkFlags, environment: Environment) {
  const problem = serverNameProblem(server);
  if (problem !== undefined) throw new UsageError(`"${server}" is not a server: ${problem}`);
  if (config !== undefined) requireServer(server, config, environment);
  const { protocol } = (baseUrl === undefined ? undefined : parseUrl(baseUrl)) ?? {};
  if (baseUrl !== undefined && protocol !== 'http:' && protocol !== 'https:') {
    throw new UsageError(`--base-url "${baseUrl}" is not an http or https URL such as https://tools.example.org.`);
  }
  const base = baseUrl ?? environment.values.MCPO_PUBLIC_URL;
  return { server, baseUrl: (base ?? DEFAULT_BASE_URL).replace(/\/+$/, ''), isGuessed: base === undefined };
}

/** Makes a setup link and prints it: whoever has it can set the user's values for the server, once. */
export async function linkUser(
  store: SecretStore,
  owner: UserId,
  { server, baseUrl, isGuessed }: ReturnType<typeof readLinkRequest>,
  now: number,
): Promise<CommandResult> {
  const isKnown = await store.knows(owner);
  const token = await createLink(store, { owner, server, profile: {} }, now);
  const notes = [
    `Works once, until ${toTimeText(now + LINK_LIFETIME_MS)}, for ${owner.issuer}:${owner.subject} and ${server}. Give it to this user only.`,
    ...(isKnown
      ? []
      : ['Nothing is known of this user: they have set no value and never logged in. Check the id and the issuer.']),
    ...(isGuessed ? ['The address is a guess: set MCPO_PUBLIC_URL, or give --base-url.'] : []),
  ];
  return done(`${baseUrl}/vault/link/${token}\n`, `${notes.join('\n')}\n`);
}

function requireServer(name: string, config: string, environment: Environment): void {
  const options = { config, env: new Map(), header: new Map(), allowedHosts: [], positional: [] };
  const servers = loadServers(options, environment).servers.filter(({ userVars }) => userVars.size > 0);
  if (servers.some((server) => server.name === name)) return;
  const names = servers.map((server) => server.name);
  const nearest = nearestName(name, names);
  const hint =
    nearest === undefined
      ? names.length > 0
        ? ` Those that do: ${names.join(', ')}.`
        : ''
      : ` Did you mean "${nearest}"?`;
  throw new UsageError(`No server "${name}" of ${config} asks users for values.${hint}`);
}
