import { dirname, resolve } from 'node:path';
import type { z } from 'zod';
import { ConfigError, type ConfigProblem } from '../errors.ts';
import { warnOfUnknownServers } from './auth-schema.ts';
import { checkShape, reportUnknownKeys } from './check-shape.ts';
import { type ConfigPlace, ConfigReport } from './config-report.ts';
import { ConfiguredSecrets } from './configured-secrets.ts';
import { type JsonDocument, parseJsonDocument } from './json-document.ts';
import type { ServerConfig } from './server-config.ts';
import type { ChildContext, ServerContext } from './server-context.ts';
import { readServer } from './server-entry.ts';
import { fileSchema, restrictingFileKeys, serverListKeys } from './servers-file-schema.ts';
import { readTextFile } from './text-file.ts';
import { readInputs } from './user-variables.ts';

type FileSettings = z.infer<typeof fileSchema>;

/** The contents of a servers file. */
export interface ServersFile extends Omit<FileSettings, 'toolErrorStatus' | 'resultImages'> {
  /** The enabled servers in the file's order. */
  readonly servers: readonly ServerConfig[];
  readonly warnings: readonly ConfigProblem[];
  /** Values that must never be printed. */
  readonly secrets: readonly string[];
}

export interface ServersFileOptions extends ChildContext, Pick<ServerContext, 'onRead'> {}

/** Reads a servers file from the disk. Throws `ConfigError` with every problem of the file. */
export function readServersFile(file: string, options: ServersFileOptions): ServersFile {
  let text: string;
  options.onRead?.(file);
  try {
    text = readTextFile(file);
  } catch (error) {
    throw new ConfigError([{ file, message: `the servers file ${(error as Error).message}.` }]);
  }
  return parseServersFile(text, file, options);
}

/** Reads the text of a servers file; `file` names it in messages and is where its relative paths begin. */
export function parseServersFile(text: string, file: string, options: ServersFileOptions): ServersFile {
  const document = parseJsonDocument(text, file);
  const report = new ConfigReport(file, document);
  const { root } = report;
  const secrets = new ConfiguredSecrets();
  const content = document.value;
  if (!isObject(content)) throw new ConfigError([{ file, message: 'must be an object with "mcpServers".' }]);

  // `$schema` is for editors.
  reportUnknownKeys(
    content,
    [...serverListKeys, 'inputs', '$schema', ...Object.keys(fileSchema.shape)],
    root,
    restrictingFileKeys,
  );
  reportDuplicates(document.duplicates, root);
  const settings = checkShape(fileSchema, content, root);
  const context: ServerContext = {
    folder: dirname(resolve(file)),
    ...options,
    inputs: content.inputs === undefined ? new Map() : readInputs(content.inputs, root.at('inputs')),
    toolErrorStatus: settings?.toolErrorStatus ?? 500,
    resultImages: settings?.resultImages ?? 'data',
    secrets,
  };

  const list = findServerList(content, root);
  const problemsBefore = report.problems.length;
  const servers = (list?.entries ?? []).flatMap(
    ([name, value]) => readServer(name, value, root.atServer(list?.key ?? '', name), context) ?? [],
  );
  if (list !== undefined && servers.length === 0 && report.problems.length === problemsBefore) {
    root.at(list.key).problem('no enabled servers, so there would be nothing to serve.');
  }
  if (settings?.auth !== undefined) {
    warnOfUnknownServers(
      settings.auth,
      (list?.entries ?? []).map(([name]) => name),
      root.at('auth'),
    );
  }
  report.throwIfAny();
  return { ...fileSchema.parse({}), ...settings, servers, warnings: report.warnings, secrets: secrets.list() };
}

function findServerList(content: Readonly<Record<string, unknown>>, root: ConfigPlace) {
  const [key, second] = serverListKeys.filter((one) => content[one] !== undefined);
  if (key === undefined) {
    root.problem('has no "mcpServers" object, so it names no server.');
    return undefined;
  }
  if (second !== undefined) root.at(second).problem('is set beside "mcpServers"; keep all servers in one of them.');
  const value = content[key];
  if (isObject(value)) return { key, entries: Object.entries(value) };
  root.at(key).problem('must be an object that maps a name to each server.');
  return undefined;
}

function reportDuplicates(duplicates: JsonDocument['duplicates'], root: ConfigPlace): void {
  for (const { path, line } of duplicates) {
    const [list, server, ...rest] = path;
    const isInServer = serverListKeys.some((key) => key === list) && rest.length > 0;
    const place = isInServer ? root.atServer(String(list), String(server)).at(...rest) : root.at(...path);
    place.warning('is given twice; the last one counts.', line);
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
