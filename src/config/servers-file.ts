import { dirname, resolve } from 'node:path';
import { ConfigError, type ConfigProblem } from '../errors.ts';
import type { AuditFile, AuthFile, RateLimitFile, VaultFile } from './auth-schema.ts';
import { checkScopes } from './check-scopes.ts';
import { checkShape } from './check-shape.ts';
import { ConfigReport } from './config-report.ts';
import { ConfiguredSecrets } from './configured-secrets.ts';
import type { ConfinementContext } from './confinement.ts';
import { readTextFile } from './env-file.ts';
import { type JsonDocument, type JsonPath, parseJsonDocument } from './json-document.ts';
import { nearestName } from './nearest-name.ts';
import type { ServerConfig } from './server-config.ts';
import { readServer } from './server-entry.ts';
import { fileSchema, ignoredFileKeys, restrictingFileKeys, serverListKeys } from './servers-file-schema.ts';
import type { OperationIdStyle } from './settings.ts';
import { readInputs, unknownKeyMessage } from './user-variables.ts';

/** Everything that a servers file says. */
export interface ServersFile {
  /** The enabled servers in the file's order. */
  readonly servers: readonly ServerConfig[];
  readonly operationIds: OperationIdStyle;
  readonly auth: AuthFile | undefined;
  readonly rateLimit: RateLimitFile | undefined;
  readonly audit: AuditFile | undefined;
  readonly vault: VaultFile | undefined;
  readonly warnings: readonly ConfigProblem[];
  /** Values that must never be printed. */
  readonly secrets: readonly string[];
}

export interface ServersFileOptions {
  /** What `${NAME}` stands for, and what child processes may inherit. */
  readonly environment: ReadonlyMap<string, string>;
  /** `--env` and `--env-path`: every child process gets all of it. */
  readonly given: ReadonlyMap<string, string>;
  readonly platform: NodeJS.Platform;
  readonly confinement: ConfinementContext;
  /** Told of each file just before it is read. */
  readonly onRead?: ((file: string) => void) | undefined;
}

/** Reads a servers file from the disk. Throws `ConfigError` with every problem of the file. */
export function readServersFile(file: string, options: ServersFileOptions): ServersFile {
  let text: string;
  options.onRead?.(file);
  try {
    text = readTextFile(file);
  } catch (error) {
    const reason = error instanceof Error ? error.message : 'cannot be read';
    throw new ConfigError([{ file, message: `the servers file ${reason}.` }]);
  }
  return parseServersFile(text, file, options);
}

/** Reads the text of a servers file; `file` names it in messages and is where its relative paths begin. */
export function parseServersFile(text: string, file: string, options: ServersFileOptions): ServersFile {
  const document = parseJsonDocument(text, file);
  const report = new ConfigReport(file, document);
  const secrets = new ConfiguredSecrets();
  const root = document.value;
  if (!isObject(root)) {
    throw new ConfigError([{ file, message: 'must be an object with "mcpServers".' }]);
  }

  reportKeys(root, document, report);
  const settings = checkShape(fileSchema, root, { path: [] }, report);
  const inputs = root.inputs === undefined ? new Map() : readInputs(root.inputs, ['inputs'], report);

  const list = findServerList(root, report);
  const servers: ServerConfig[] = [];
  let isEveryEntryUsable = true;
  for (const [name, value] of list?.entries ?? []) {
    const path = [...(list?.path ?? []), name];
    const context = {
      folder: dirname(resolve(file)),
      ...options,
      inputs,
      toolErrorStatus: settings?.toolErrorStatus ?? 500,
      resultImages: settings?.resultImages ?? 'data',
      report,
      secrets,
    };
    const problemsBefore = report.problems.length;
    const server = readServer(name, value, path, context);
    if (server !== undefined) servers.push(server);
    if (report.problems.length > problemsBefore) isEveryEntryUsable = false;
  }
  if (settings?.auth !== undefined) {
    checkScopes(
      settings.auth,
      (list?.entries ?? []).map(([name]) => name),
      report,
    );
  }
  if (list !== undefined && servers.length === 0 && isEveryEntryUsable) {
    report.problem({ path: list.path }, 'names no server that is enabled; there would be nothing to serve.');
  }
  report.throwIfAny();

  return {
    servers,
    operationIds: settings?.operationIds ?? 'server',
    auth: settings?.auth,
    rateLimit: settings?.rateLimit,
    audit: settings?.audit,
    vault: settings?.vault,
    warnings: report.warnings,
    secrets: secrets.list(),
  };
}

interface ServerList {
  readonly path: JsonPath;
  readonly entries: readonly (readonly [string, unknown])[];
}

function findServerList(root: Readonly<Record<string, unknown>>, report: ConfigReport): ServerList | undefined {
  const keys = serverListKeys.filter((key) => root[key] !== undefined);
  const [key, second] = keys;
  if (key === undefined) {
    report.problem({ path: [] }, 'has no "mcpServers" object, so it names no server.');
    return undefined;
  }
  if (second !== undefined) {
    report.problem({ path: [second], key: second }, 'stands beside "mcpServers"; keep all servers in one of them.');
  }
  const value = root[key];
  if (!isObject(value)) {
    report.problem({ path: [key], key }, 'must be an object that maps a name to each server.');
    return undefined;
  }
  return { path: [key], entries: Object.entries(value) };
}

function reportKeys(root: object, document: JsonDocument, report: ConfigReport): void {
  const known = [...serverListKeys, 'inputs', ...Object.keys(fileSchema.shape)];
  for (const key of Object.keys(root)) {
    if (known.includes(key) || ignoredFileKeys.has(key)) continue;
    const nearest = nearestName(key, known);
    if (nearest !== undefined && restrictingFileKeys.has(nearest)) {
      report.problem({ path: [key], key }, `is not a known key; did you mean "${nearest}"?`);
    } else {
      report.warning({ path: [key] }, unknownKeyMessage(key, known));
    }
  }
  for (const { path, line } of document.duplicates) {
    const [listKey, server] = path;
    const isServerKey = listKey === 'mcpServers' || listKey === 'servers';
    const place = { path, line, server: isServerKey && path.length > 2 ? String(server) : undefined };
    report.warning(place, `"${String(path.at(-1))}" is given twice; the last one counts.`);
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
