import type { Environment } from '../config/environment.ts';
import type { LoadedSettings } from '../config/load-settings.ts';
import type { ServiceOptions } from '../config/service-options.ts';
import { UsageError } from '../errors.ts';
import { DocumentCache } from '../http/documents/document-cache.ts';
import { type CatalogueTool, publishedTools } from '../servers/catalogue.ts';
import { NO_CACHE } from '../servers/catalogue-cache.ts';
import type { Server } from '../servers/server.ts';
import type { ServerRegistry } from '../servers/server-registry.ts';
import { describeUnmatchedRule } from '../servers/unmatched-rules.ts';
import { createRegistry } from '../service/create-registry.ts';
import { createLogger, type Logger } from '../telemetry/logger.ts';
import { createPaint, type Paint } from '../telemetry/paint.ts';
import { Redactor } from '../telemetry/redactor.ts';
import { type CommandResult, done, toJson } from './command-result.ts';
import { LiveLine } from './live-line.ts';
import { countTools, followProgress, printProgress } from './start-progress.ts';

/** A configuration whose servers are started, and where the progress of that is shown. */
export interface StartRequest {
  readonly options: ServiceOptions;
  readonly loaded: LoadedSettings;
  readonly terminal: Environment['terminal'];
}

/**
 * `check --start`: starts every server, lists its tools and ends it; standard error shows the progress. Rules that match
 * no tool are problems too.
 */
export function checkStart(request: StartRequest): Promise<CommandResult> {
  const paint = createPaint(request.terminal.colours.out);
  const print = (line: string) => process.stderr.write(`mcpo-ts: ${line}\n`);
  return withStartedServers(request, print, async (registry) => {
    const servers = registry.list();
    const isAllRight = servers.every((server) => isOk(server) && !server.catalogue?.unmatchedRules.length);
    return { text: servers.map((server) => describeServer(server, paint)).join(''), exitCode: isAllRight ? 0 : 1 };
  });
}

/**
 * `openapi`: prints the OpenAPI document of one server (in single-server mode the only one), or of all; nothing and exit
 * code 1 if a server would be missing from it. Throws `UsageError` for an unknown server.
 */
export function printOpenApi(
  request: StartRequest,
  serverName: string | undefined,
  schemas: 'portable' | 'exact',
): Promise<CommandResult> {
  const { settings } = request.loaded;
  return withStartedServers(request, undefined, async (registry, logger) => {
    const name = serverName ?? (settings.singleServer ? settings.servers[0]?.name : undefined);
    const server = name === undefined ? undefined : registry.servers.get(name);
    if (name !== undefined && server === undefined) {
      const names = registry.list().map((one) => one.name);
      throw new UsageError(`There is no server "${name}"; the configuration has ${names.join(', ')}.`);
    }
    const missing = (server === undefined ? registry.list() : [server]).filter(isMissing);
    if (missing.length > 0) return { text: '', note: missing.map(describeMissing).join(''), exitCode: 1 };
    const documents = new DocumentCache(settings, registry, () => settings.hasAuthentication, logger);
    const { body } = await documents.of(server, schemas);
    return done(toJson(JSON.parse(body.toString('utf8'))));
  });
}

/**
 * Runs `work` on the configured servers, started without the service around them, once each has listed its tools or
 * failed to; ends them all afterwards. Only errors are logged, to standard error. The progress is shown on a terminal,
 * else printed line by line.
 */
async function withStartedServers<Result>(
  { options, loaded: { settings, secrets }, terminal }: StartRequest,
  printLine: ((line: string) => void) | undefined,
  work: (registry: ServerRegistry, logger: Logger) => Promise<Result>,
): Promise<Result> {
  const redactor = new Redactor();
  redactor.add(secrets.configured);
  const level = options.logLevel === undefined ? 'error' : settings.logLevel;
  const live = terminal.isLive ? new LiveLine(process.stderr) : undefined;
  const logger = createLogger({
    level,
    format: settings.logFormat,
    redactor,
    hasColours: terminal.colours.error,
    stream: live?.stream ?? process.stderr,
  });
  const registry = createRegistry(settings, logger, redactor, NO_CACHE);
  let endProgress = () => {};
  try {
    registry.start();
    if (live !== undefined) endProgress = followProgress(registry.list(), (line) => live.show(line));
    else if (printLine !== undefined) endProgress = printProgress(registry.list(), printLine);
    await registry.whenSettled();
    endProgress();
    live?.show('');
    return await work(registry, logger);
  } finally {
    endProgress();
    live?.show('');
    await registry.stop();
  }
}

/** Neither its tools nor an operation that signs a user in can be in a document. */
function isMissing(server: Server): boolean {
  return !isOk(server) || (server.catalogue === undefined && server.awaitedSource === undefined);
}

function describeMissing({ name, status }: Server): string {
  const why = [status.reason, status.detail].filter(Boolean).join('; ');
  return `mcpo-ts: server "${name}" is missing from the document${why === '' ? '' : `: ${why}`}\n`;
}

/** Nothing more can be checked of a server whose tools only a user can list. */
function isOk({ status, config: { isolation, discovery } }: Server): boolean {
  return status.state === 'ready' || (isolation !== 'shared' && discovery === undefined);
}

function describeServer(server: Server, paint: Paint): string {
  const { name, catalogue, status } = server;
  const { state, reason, detail } = status;
  const tools = catalogue === undefined ? '' : `, ${countTools(publishedTools(catalogue).length)}`;
  const why = (reason === undefined ? '' : `: ${reason}`) + (detail === undefined ? '' : `; ${detail}`);
  const lines = [
    ...[...(catalogue?.tools.values() ?? [])].map(describeTool),
    ...(catalogue?.rejected ?? []).map((tool) => `tool "${tool.name.slice(0, 200)}" is left out: ${tool.reason}`),
    ...(catalogue?.unmatchedRules ?? []).map(describeUnmatchedRule),
  ];
  // A state such as "backing off" is about the next try, and there is none.
  const first = isOk(server)
    ? `${paint('green', 'ok    ')}  ${name}  ${state}${tools}${why}`
    : `${paint('red', 'failed')}  ${name}  ${why.replace(/^: /, '')}`;
  return [first, ...lines].map((line, index) => `${index === 0 ? '' : ' '.repeat(10)}${line}\n`).join('');
}

function describeTool({ ownName, definition: { name }, isHidden }: CatalogueTool): string {
  const notes = [
    ...(name === ownName ? [] : [`the server's ${ownName.slice(0, 200)}`]),
    ...(isHidden ? ['hidden'] : []),
  ];
  return name.slice(0, 200) + (notes.length === 0 ? '' : ` (${notes.join(', ')})`);
}
