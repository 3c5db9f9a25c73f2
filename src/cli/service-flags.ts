import { type Command, CommanderError, Option } from 'commander';
import { headerValueProblem, isHeaderName, isHttpUrl } from '../config/read-remote-transport.ts';
import type { Flags, ServiceOptions } from '../config/service-options.ts';
import {
  HOST_NAMES_RULE,
  LOG_LEVEL_RULE,
  parseHostNames,
  parseLogLevel,
  parseServerType,
  SERVER_TYPE_RULE,
} from '../config/spellings.ts';
import { UsageError } from '../errors.ts';
import { readVersion } from '../version.ts';
import { nothingToServe } from './nothing-to-serve.ts';

/** Reads one value of a flag; `before` is what earlier uses of it gave. Throws `UsageError`. */
type Read = (value: string, before: never, flag: string) => unknown;

/** Adds mcpo's flags with its short forms, and ours; they are accepted before or after a sub-command. */
export function addServiceFlags(program: Command): void {
  let group = '';
  const add = (flags: string, description: string, read?: Read): Option => {
    const option = new Option(flags, description).helpGroup(group);
    const flag = option.long ?? flags;
    program.addOption(read ? option.argParser<unknown>((value, before) => read(value, before as never, flag)) : option);
    return option;
  };

  group = 'MCP servers:';
  add('-c, --config <file>', 'servers file with "mcpServers"; comments are allowed', notEmpty).conflicts([
    'serverType',
    'header',
  ]);
  add('--type, --server-type <type>', 'type of the one server after --: stdio, sse, streamable-http', toServerType);
  add('-H, --header <json>', 'headers for a remote server, as a JSON object', toHeaders);
  add('-e, --env <name=value>', 'variable for the servers; repeatable', toVariables);
  const envPath = 'dotenv file with variables for the servers and the service; --env and the environment win over it';
  add('--env-path <file>', envPath, notEmpty);
  add('--hot-reload', 'reload the servers file when it changes');

  group = 'Network:';
  add('-h, --host <address>', 'default 0.0.0.0 with an API key, 127.0.0.1 without', notEmpty);
  add('-p, --port <port>', 'default 8000; 0 takes any free port', toPort);
  const origins = 'origin that browsers may call from; repeatable; default * with an API key, none without';
  add('--cors-allow-origins <origin>', origins, toOrigins);
  add('--allowed-hosts <host>', 'further name under which the service is reached; repeatable', toHosts);
  add('-t, --ssl-certfile <file>', 'certificate chain (PEM), for HTTPS', notEmpty);
  add('-K, --ssl-keyfile <file>', 'private key (PEM), for HTTPS', notEmpty);
  add('--root-path <path>', 'path that a proxy in front strips off', toPath);
  add('--path-prefix <path>', 'path before the names of the servers; default /', toPath);

  group = 'Access:';
  add(
    '-k, --api-key <key>',
    'key that callers must present; prefer MCPO_API_KEY, which process lists do not show',
  ).conflicts('allowUnauthenticated');
  add('--strict-auth', 'require the key for documents and docs too');
  add('--allow-unauthenticated', 'listen on any --host without a key');
  add('--allow-weak-secrets', 'accept short and well-known keys and secrets, on 127.0.0.1 only');

  group = 'API:';
  add('-n, --name <name>', 'title of the API');
  add('-d, --description <text>', 'description of the API');
  add('-v, --version [version]', "version of the API; without one, print the program's own and exit");
  program.on('option:version', (version: string | null) => {
    if (version === null) throw new CommanderError(0, 'commander.version', readVersion());
  });

  group = 'Log:';
  add('--log-level <level>', 'error, warn, info (default) or debug', toLogLevel);
}

/** Returns the value unless it is `undefined`. */
function required<Value>(parsed: Value | undefined, flag: string, rule: string, value: string): Value {
  if (parsed === undefined) throw new UsageError(`${flag} ${rule}, and is "${value}".`);
  return parsed;
}

function toPort(value: string, _: unknown, flag: string): number {
  const port = /^\d{1,5}$/.test(value) && Number(value) <= 65_535 ? Number(value) : undefined;
  return required(port, flag, 'must be a number from 0 to 65535', value);
}

const toServerType: Read = (value, _, flag) => required(parseServerType(value), flag, SERVER_TYPE_RULE, value);
const toLogLevel: Read = (value, _, flag) => required(parseLogLevel(value), flag, LOG_LEVEL_RULE, value);

/** Slashes are added or removed where the path is used. */
function toPath(value: string, _: unknown, flag: string): string {
  return required(/[?#\\\s]/.test(value) ? undefined : value, flag, 'must be a path such as /tools', value);
}

function notEmpty(value: string, _: unknown, flag: string): string {
  if (value.trim() === '') throw new UsageError(`${flag} is empty; give it a value or leave it out.`);
  return value;
}

function toVariables(value: string, before: ReadonlyMap<string, string> = new Map()): ReadonlyMap<string, string> {
  const equals = value.indexOf('=');
  // The text is not repeated: without a "=" it may be a bare secret.
  if (equals < 1) throw new UsageError('--env needs NAME=value, and one has no name or no "=".');
  return new Map([...before, [value.slice(0, equals), value.slice(equals + 1)]]);
}

function toHeaders(value: string): ReadonlyMap<string, string> {
  const wanted = '--header needs a JSON object of texts, such as \'{"Authorization": "Bearer …"}\'';
  let headers: unknown;
  try {
    headers = JSON.parse(value);
  } catch {
    throw new UsageError(`${wanted}, and this is not JSON.`);
  }
  if (typeof headers !== 'object' || headers === null || Array.isArray(headers)) throw new UsageError(`${wanted}.`);
  for (const [name, text] of Object.entries(headers)) {
    if (typeof text !== 'string') throw new UsageError(`${wanted}, and the value of "${name}" is not a text.`);
    if (!isHeaderName(name)) throw new UsageError(`--header: "${name}" is not a header name.`);
    const problem = headerValueProblem(text);
    if (problem !== undefined) throw new UsageError(`--header: the value of "${name}" ${problem}`);
  }
  return new Map(Object.entries(headers));
}

function toOrigins(value: string, before: readonly string[] = []): readonly string[] {
  const origin = value.trim().replace(/\/$/, '');
  if (origin === '*' || /^[a-z][a-z0-9+.-]*:\/\/[^/?#\s,]+$/i.test(origin)) return [...before, origin];
  throw new UsageError(
    `--cors-allow-origins takes * or one origin such as https://chat.example.org (repeat it for more), and is "${value}".`,
  );
}

function toHosts(value: string, before: readonly string[] = []): readonly string[] {
  const hosts = parseHostNames(value) ?? [];
  if (hosts.length > 0) return [...before, ...hosts];
  throw new UsageError(`--allowed-hosts ${HOST_NAMES_RULE} It is "${value}".`);
}

/** Rejects flags that contradict each other whatever the environment says. */
export function toServiceOptions(given: Flags, positional: readonly string[] | undefined): ServiceOptions {
  if (given.config !== undefined) {
    if (positional !== undefined) {
      throw new UsageError('--config and a command after -- are two ways to say what to serve; keep one of them.');
    }
  } else {
    if (given.hotReload) throw new UsageError('--hot-reload needs --config: without a file there is nothing to watch.');
    checkSingleServer(given, positional);
  }
  return combineFlags(given, positional);
}

/** For a command that examines what there is where no server is named. */
export function toExaminedOptions(given: Flags): ServiceOptions {
  return combineFlags(given, undefined);
}

function combineFlags(given: Flags, positional: readonly string[] | undefined): ServiceOptions {
  if ((given.sslCertfile === undefined) !== (given.sslKeyfile === undefined)) {
    throw new UsageError('--ssl-certfile and --ssl-keyfile belong together; give both or neither.');
  }
  const { env = new Map(), header = new Map(), allowedHosts = [] } = given;
  return { ...given, env, header, allowedHosts, positional: positional ?? [] };
}

function checkSingleServer({ serverType = 'stdio', header }: Flags, positional: readonly string[] = []): void {
  const [first = '', ...rest] = positional;
  if (serverType === 'stdio') {
    if (first.trim() === '') throw nothingToServe();
    if (header === undefined) return;
    throw new UsageError('--header is for a remote server; a stdio server has no headers, give it --env instead.');
  }
  if (!isHttpUrl(first)) {
    const example = `mcpo-ts --type ${serverType} -- https://…`;
    throw new UsageError(`--server-type ${serverType} needs the server's URL after --: ${example}`);
  }
  if (rest.length > 0) throw new UsageError(`--server-type ${serverType} takes one URL after -- and nothing else.`);
}
