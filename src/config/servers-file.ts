import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import { ConfigError, type ConfigProblem } from '../errors.ts';
import { authSchema, warnOfUnknownServers } from './auth-schema.ts';
import { checkShape, reportUnknownKeys } from './check-shape.ts';
import { ConfigPlace, ConfigReport } from './config-report.ts';
import { type JsonDocument, parseJsonDocument } from './json-document.ts';
import { logInFiles } from './log-in-providers.ts';
import { describeMisplacedServers } from './misplaced-servers.ts';
import { parseRate, RATE_PATTERN, RATE_RULE } from './rate.ts';
import type { ServerConfig } from './server-config.ts';
import type { ChildContext, ServerContext } from './server-context.ts';
import { readServer } from './server-entry.ts';
import { count, isObject, resultImages, textAs, toolErrorStatus } from './shapes.ts';
import { readTextFile } from './text-file.ts';
import { readInputs } from './user-variables.ts';

const rate = textAs(parseRate, RATE_RULE).meta({ pattern: RATE_PATTERN });

/** The settings beside the servers. Variables win over `rateLimit` and `vault`. */
export const fileSchema = z.object({
  operationIds: z
    .enum(['server', 'mcpo', 'tool'])
    .default('server')
    .describe(
      'Form of operation ids: `<server>_<tool>`, the `tool_<tool>_post` of mcpo, or the name of the tool alone.',
    ),
  toolErrorStatus: toolErrorStatus.describe('For all servers that do not set it.'),
  resultImages: resultImages.describe('For all servers that do not set it.'),
  auth: authSchema.prefault({}).describe('Who may call.'),
  rateLimit: z
    .strictObject({
      calls: rate.optional().describe('Calls of one user or key, such as `6000/1m`, or `off`.'),
      authFailures: rate.optional().describe('Failed log-ins from one address, such as `60/1m`, or `off`.'),
    })
    .prefault({})
    .describe('Limits.'),
  audit: z
    .strictObject({
      required: z
        .boolean()
        .default(false)
        .describe('Calls that cannot be recorded are refused; needs `SECURITY_LOG_FILE`.'),
      pseudonymise: z.boolean().default(false).describe('Users and addresses are written as keyed hashes.'),
      retentionDays: count.optional().describe('A file a day is written, and files are removed after so many days.'),
    })
    .prefault({})
    .describe('The audit log.'),
  vault: z
    .strictObject({
      lastFour: z.boolean().optional().describe('Users see the last four characters of what they have set.'),
      maxSessions: count.optional().describe('Sessions of users at once, over all servers.'),
      maxSessionsPerUser: count.optional().describe('Sessions of one user at once, over all servers.'),
    })
    .prefault({})
    .describe('The vault, and the sessions of users.'),
});

/** Keys that contain the servers: mcpo's and VS Code's. */
const serverListKeys = ['mcpServers', 'servers'] as const;
/** Keys that restrict something: misspelt, they would leave it open. */
const restrictingFileKeys: ReadonlySet<string> = new Set(['audit', 'auth', 'rateLimit', 'vault']);

/** The contents of a servers file. */
export interface ServersFile extends Readonly<z.infer<typeof fileSchema>> {
  /** The enabled servers in the file's order. */
  readonly servers: readonly ServerConfig[];
  readonly warnings: readonly ConfigProblem[];
  /** What was read; `undefined` where there is no file. */
  readonly text: string | undefined;
}

/** With the values of the file, and of `--env` and `--env-path`, that must never be printed. */
export interface LoadedServers extends ServersFile {
  readonly secrets: readonly string[];
}

/** Reads a servers file from the disk. Throws `ConfigError` with every problem of the file. */
export function readServersFile(file: string, child: ChildContext): ServersFile {
  let text: string;
  child.onRead?.(file);
  try {
    text = readTextFile(file);
  } catch (error) {
    throw new ConfigError([{ file, message: `the servers file ${(error as Error).message}.` }]);
  }
  return parseServersFile(text, file, child);
}

/** Reads the text of a servers file; `file` names it in messages and is where its relative paths begin. */
export function parseServersFile(text: string, file: string, child: ChildContext): ServersFile {
  const document = parseDocument(text, file);
  const report = new ConfigReport(file, document);
  const root = new ConfigPlace(report);
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
  const settings = checkShape(fileSchema, content, root) ?? fileSchema.parse({});
  // Watched as the servers file is, and closed to the children.
  for (const path of logInFiles(settings.auth.login)) child.onRead?.(path);
  const context: ServerContext = {
    ...child,
    folder: dirname(resolve(file)),
    inputs: content.inputs === undefined ? new Map() : readInputs(content.inputs, root.at('inputs')),
    defaults: { toolErrorStatus: settings.toolErrorStatus, resultImages: settings.resultImages },
  };

  const list = findServerList(content, root);
  const problemsBefore = report.problems.length;
  const servers = (list?.entries ?? []).flatMap(
    ([name, value]) => readServer(name, value, root.atServer(list?.key ?? '', name), context) ?? [],
  );
  if (list !== undefined && servers.length === 0 && report.problems.length === problemsBefore) {
    root.at(list.key).problem('no enabled servers, so there would be nothing to serve.');
  }
  warnOfUnknownServers(
    settings.auth,
    (list?.entries ?? []).map(([name]) => name),
    root.at('auth'),
  );
  report.throwIfAny();
  return { ...settings, servers, warnings: report.warnings, text };
}

function parseDocument(text: string, file: string): JsonDocument {
  try {
    return parseJsonDocument(text, file);
  } catch (error) {
    const [, format] = /\.(ya?ml|toml)$/i.exec(file) ?? [];
    if (format === undefined) throw error;
    const name = format.toLowerCase() === 'toml' ? 'TOML' : 'YAML';
    throw new ConfigError([{ file, message: `is ${name}; write the servers file as JSON, {"mcpServers": {…}}.` }]);
  }
}

function findServerList(content: Readonly<Record<string, unknown>>, root: ConfigPlace) {
  const [key, second] = serverListKeys.filter((one) => content[one] !== undefined);
  if (key === undefined) {
    const remedy = describeMisplacedServers(content);
    root.problem(`has no "mcpServers" object, so it names no server${remedy === undefined ? '.' : `; ${remedy}`}`);
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
