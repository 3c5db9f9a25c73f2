import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ServerConfig } from '../config/server-config.ts';
import type { Secrets, Settings } from '../config/settings.ts';
import { UsageError } from '../errors.ts';
import { type CommandResult, done, toJson } from './command-result.ts';
import { type ConnectionHeaders, connectionHeaders } from './connection-headers.ts';

type Connection = ReturnType<typeof toConnection>;

/** One connection as Open WebUI 0.11 imports it; every field is required. */
function toConnection(
  server: ServerConfig,
  { pathPrefix, singleServer, api, hasAuthentication }: Settings,
  baseUrl: string,
  key: string | undefined,
  headers: ConnectionHeaders,
) {
  const path = singleServer ? pathPrefix : pathPrefix + encodeURIComponent(server.name);
  const ownName = singleServer ? api.name : undefined;
  const ownDescription = singleServer ? api.description : undefined;
  return {
    type: 'openapi',
    // Open WebUI puts a slash between the URL and the path itself.
    url: (baseUrl.replace(/\/+$/, '') + path).replace(/\/+$/, ''),
    spec_type: 'url',
    spec: '',
    path: 'openapi.json',
    auth_type: hasAuthentication ? 'bearer' : 'none',
    headers,
    key: hasAuthentication ? (key ?? '') : '',
    config: {
      enable: true,
      function_name_filter_list: '',
      // Without a grant only admins could use the tools.
      access_grants: [{ principal_type: 'user', principal_id: '*', permission: 'read' }],
    },
    info: {
      // Open WebUI splits ids at these two.
      id: server.name.replace(/[:|]/g, '-'),
      name: ownName ?? server.title ?? titleCase(server.name),
      description: ownDescription ?? `Tools of the MCP server ${server.name}`,
    },
  };
}

function titleCase(name: string): string {
  return name
    .split(/[-_.]+/)
    .filter((word) => word !== '')
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join(' ');
}

export interface OpenWebUiFlags {
  readonly baseUrl?: string | undefined;
  readonly showKey?: boolean;
  /** A folder. */
  readonly split?: string | undefined;
}

/**
 * `mcpo-ts openwebui`: the JSON array for `TOOL_SERVER_CONNECTIONS`, or with `split` one file per server, because
 * the Import button reads only the first connection of a file. Throws `UsageError` if a file cannot be written.
 */
export function openWebUiCommand(
  settings: Settings,
  secrets: Secrets,
  { baseUrl, showKey, split }: OpenWebUiFlags,
): CommandResult {
  const url = baseUrl ?? settings.publicUrl ?? localUrl(settings);
  // Without it an admin enters it by hand.
  const key = showKey ? secrets.auth.apiKey : undefined;
  const headers = connectionHeaders(settings.servers, secrets.auth);
  const connections = settings.servers.map((server) => toConnection(server, settings, url, key, headers));
  if (split === undefined) return done(toJson(connections));
  return done(
    writeSeparately(connections, split)
      .map((file) => `${file}\n`)
      .join(''),
  );
}

function writeSeparately(connections: readonly Connection[], folder: string): readonly string[] {
  const taken = new Set<string>();
  try {
    mkdirSync(folder, { recursive: true });
    return connections.map((connection) => {
      const file = join(folder, `${distinctName(connection.info.id, taken)}.json`);
      // Only its owner may read it: it may contain the key.
      writeFileSync(file, toJson([connection]), { mode: 0o600 });
      return file;
    });
  } catch (error) {
    const reason = typeof error === 'object' && error !== null && 'code' in error ? ` (${String(error.code)})` : '';
    throw new UsageError(`--split: the files cannot be written to "${folder}"${reason}.`, { cause: error });
  }
}

/** `Time` and `time` are two servers, and on some file systems one file. */
function distinctName(id: string, taken: Set<string>): string {
  let name = id;
  for (let count = 2; taken.has(name.toLowerCase()); count += 1) name = `${id}-${count}`;
  taken.add(name.toLowerCase());
  return name;
}

function localUrl({ host, port, tls }: Settings): string {
  const isEverywhere = host === '0.0.0.0' || host === '::';
  const name = isEverywhere ? 'localhost' : host.includes(':') ? `[${host}]` : host;
  return `${tls ? 'https' : 'http'}://${name}:${port}`;
}
