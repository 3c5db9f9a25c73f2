import { type Command, Option } from 'commander';
import { headerValueProblem, isHeaderName } from '../config/read-remote-transport.ts';
import type { LogLevel } from '../config/settings.ts';
import {
  HOST_NAMES_RULE,
  LOG_LEVEL_RULE,
  parseHostNames,
  parseLogLevel,
  parseServerType,
  SERVER_TYPE_RULE,
  type ServerType,
} from '../config/spellings.ts';
import { UsageError } from '../errors.ts';

/** Adds mcpo's flags with its short forms, and ours; they are accepted before or after a sub-command. */
export function addServiceFlags(program: Command): void {
  const add = <T>(group: string, flags: string, description: string, parse?: (value: string, before: T) => T) => {
    const option = new Option(flags, description).helpGroup(group);
    program.addOption(parse ? option.argParser(parse) : option);
  };

  const servers = 'MCP servers:';
  add(servers, '-c, --config <file>', 'servers file with "mcpServers"; comments are allowed', notEmpty('--config'));
  add(
    servers,
    '--type, --server-type <type>',
    'type of the one server after --: stdio, sse, streamable-http',
    toServerType,
  );
  add(servers, '-H, --header <json>', 'headers for a remote server, as a JSON object', toHeaders);
  add(servers, '-e, --env <name=value>', 'variable for the servers; repeatable', toVariables);
  add(
    servers,
    '--env-path <file>',
    'dotenv file with variables for the servers and the service; --env and the environment take precedence',
    notEmpty('--env-path'),
  );
  add(servers, '--hot-reload', 'reload the servers file when it changes');

  const network = 'Network:';
  add(network, '-h, --host <address>', 'default 0.0.0.0 with an API key, 127.0.0.1 without', notEmpty('--host'));
  add(network, '-p, --port <port>', 'default 8000; 0 takes any free port', toPort);
  add(
    network,
    '--cors-allow-origins <origin>',
    'origin that browsers may call from; repeatable; default * with an API key, none without',
    toOrigins,
  );
  add(network, '--allowed-hosts <host>', 'further name under which the service is reached; repeatable', toAllowedHosts);
  add(network, '-t, --ssl-certfile <file>', 'certificate chain (PEM), for HTTPS', notEmpty('--ssl-certfile'));
  add(network, '-K, --ssl-keyfile <file>', 'private key (PEM), for HTTPS', notEmpty('--ssl-keyfile'));
  add(network, '--root-path <path>', 'path that a proxy in front strips off', toPath('--root-path'));
  add(network, '--path-prefix <path>', 'path before the names of the servers; default /', toPath('--path-prefix'));

  const access = 'Access:';
  add(
    access,
    '-k, --api-key <key>',
    'key that callers must present; prefer MCPO_API_KEY, which does not show in process lists',
  );
  add(access, '--strict-auth', 'require the key for documents and docs too');
  add(access, '--allow-unauthenticated', 'listen on any --host without a key');
  add(access, '--allow-weak-secrets', 'accept short and well-known keys and secrets, on 127.0.0.1 only');

  const api = 'API:';
  add(api, '-n, --name <name>', 'title of the API');
  add(api, '-d, --description <text>', 'description of the API');
  add(api, '-v, --version <version>', 'version of the API; the program\'s own is "mcpo-ts version"');

  add('Log:', '--log-level <level>', 'error, warn, info (default) or debug', toLogLevel);
}

function toPort(value: string): number {
  const port = /^\d{1,5}$/.test(value) ? Number(value) : Number.NaN;
  if (!(port <= 65_535)) throw new UsageError(`--port must be a number from 0 to 65535, and is "${value}".`);
  return port;
}

function toServerType(value: string): ServerType {
  const type = parseServerType(value);
  if (type === undefined) {
    throw new UsageError(`--server-type ${SERVER_TYPE_RULE}, and is "${value}".`);
  }
  return type;
}

function toLogLevel(value: string): LogLevel {
  const level = parseLogLevel(value);
  if (level === undefined) {
    throw new UsageError(`--log-level ${LOG_LEVEL_RULE}, and is "${value}".`);
  }
  return level;
}

function toVariables(value: string, before: ReadonlyMap<string, string> | undefined): ReadonlyMap<string, string> {
  const equals = value.indexOf('=');
  // The text is not repeated: without a "=" it may be a bare secret.
  if (equals < 1) throw new UsageError('--env needs NAME=value, and one has no name or no "=".');
  return new Map([...(before ?? []), [value.slice(0, equals), value.slice(equals + 1)]]);
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
  const byName = new Map<string, string>();
  for (const [name, text] of Object.entries(headers)) {
    if (typeof text !== 'string') throw new UsageError(`${wanted}, and the value of "${name}" is not a text.`);
    if (!isHeaderName(name)) throw new UsageError(`--header: "${name}" is not a header name.`);
    const problem = headerValueProblem(text);
    if (problem !== undefined) throw new UsageError(`--header: the value of "${name}" ${problem}`);
    byName.set(name, text);
  }
  return byName;
}

function toOrigins(value: string, before: readonly string[] | undefined): readonly string[] {
  const origin = value.trim().replace(/\/$/, '');
  if (origin !== '*' && !/^[a-z][a-z0-9+.-]*:\/\/[^/?#\s,]+$/i.test(origin)) {
    throw new UsageError(
      `--cors-allow-origins takes * or one origin such as https://chat.example.org (repeat it for more), and is "${value}".`,
    );
  }
  return [...(before ?? []), origin];
}

function toAllowedHosts(value: string, before: readonly string[] | undefined): readonly string[] {
  const hosts = parseHostNames(value);
  if (hosts === undefined || hosts.length === 0) {
    throw new UsageError(`--allowed-hosts ${HOST_NAMES_RULE} It is "${value}".`);
  }
  return [...(before ?? []), ...hosts];
}

/** Slashes are added or removed where the path is used. */
function toPath(flag: string): (value: string) => string {
  return (value) => {
    if (/[?#\\\s]/.test(value)) throw new UsageError(`${flag} must be a path such as /tools, and is "${value}".`);
    return value;
  };
}

function notEmpty(flag: string): (value: string) => string {
  return (value) => {
    if (value.trim() === '') throw new UsageError(`${flag} is empty; give it a value or leave it out.`);
    return value;
  };
}
