import { ConfiguredSecrets } from '../../../src/config/configured-secrets.ts';
import { commonConfinement } from '../../../src/config/confinement.ts';
import { readEnvironment } from '../../../src/config/environment.ts';
import type { ServerConfig } from '../../../src/config/server-config.ts';
import { parseServersFile, type ServersFile } from '../../../src/config/servers-file.ts';
import { ConfigError, type ConfigProblem, formatConfigProblem } from '../../../src/errors.ts';

export interface ParseOptions {
  readonly environment?: Readonly<Record<string, string>>;
  readonly given?: Readonly<Record<string, string>>;
  readonly file?: string;
  readonly platform?: NodeJS.Platform;
}

/** Reads a servers file's text, or what `JSON.stringify` makes of a value. */
export function parseServers(
  content: unknown,
  options: ParseOptions = {},
): ServersFile & { readonly secrets: readonly string[] } {
  const text = typeof content === 'string' ? content : JSON.stringify(content, null, 2);
  const environment = readEnvironment({ MCPO_DATA_DIR: '/data', ...options.environment });
  const secrets = new ConfiguredSecrets();
  const file = parseServersFile(text, options.file ?? 'servers.json', {
    environment: new Map(Object.entries(options.environment ?? {})),
    given: new Map(Object.entries(options.given ?? {})),
    platform: options.platform ?? 'linux',
    confinement: commonConfinement(environment, new Set()),
    secrets,
  });
  return { ...file, secrets: secrets.list() };
}

/** The one server `s` of a file that holds only this entry. */
export function parseServer(entry: unknown, options: ParseOptions = {}): ServerConfig {
  const [server] = parseServers({ mcpServers: { s: entry } }, options).servers;
  if (server === undefined) throw new Error('There is no server.');
  return server;
}

/** The messages of everything that is wrong, each with its place, or none. */
export function problemsOf(content: unknown, options: ParseOptions = {}): readonly string[] {
  try {
    parseServers(content, options);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return messages(error.problems);
    throw error;
  }
}

/** What is wrong with one entry, without file and line. */
export function entryProblems(entry: unknown, options: ParseOptions = {}): readonly string[] {
  return problemsOf({ mcpServers: { s: entry } }, options).map(withoutPlace);
}

/** What one entry is warned of, without file and line. */
export function entryWarnings(entry: unknown, options: ParseOptions = {}): readonly string[] {
  return messages(parseServers({ mcpServers: { s: entry } }, options).warnings).map(withoutPlace);
}

export function messages(problems: readonly ConfigProblem[]): readonly string[] {
  return problems.map(formatConfigProblem);
}

function withoutPlace(message: string): string {
  return message.replace(/^servers\.json(:\d+)?: server "s"(, key |: )/, '');
}
