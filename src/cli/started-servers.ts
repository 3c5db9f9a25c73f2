import type { LoadedSettings } from '../config/load-settings.ts';
import type { ServiceOptions } from '../config/service-options.ts';
import { UsageError } from '../errors.ts';
import { DocumentCache } from '../http/documents/document-cache.ts';
import { type CatalogueTool, describeUnmatchedRule, publishedTools } from '../servers/catalogue.ts';
import { NO_CACHE } from '../servers/catalogue-cache.ts';
import type { Server } from '../servers/server.ts';
import type { ServerRegistry } from '../servers/server-registry.ts';
import { createRegistry } from '../service/create-registry.ts';
import { createLogger, type Logger } from '../telemetry/logger.ts';
import { Redactor } from '../telemetry/redactor.ts';
import { type CommandResult, done, toJson } from './command-result.ts';

/** `check --start`: starts every server, lists its tools and ends it. Rules that match no tool are problems too. */
export function checkStart(options: ServiceOptions, loaded: LoadedSettings): Promise<CommandResult> {
  return withStartedServers(options, loaded, async (registry) => {
    const servers = registry.list();
    const isAllRight = servers.every((server) => isOk(server) && !server.catalogue?.unmatchedRules.length);
    return { text: servers.map(describeServer).join(''), exitCode: isAllRight ? 0 : 1 };
  });
}

/**
 * `openapi`: prints the OpenAPI document of one server (in single-server mode the only one), or of all.
 * Throws `UsageError` for an unknown server, `ServerUnavailableError` for one that does not start.
 */
export function printOpenApi(
  options: ServiceOptions,
  loaded: LoadedSettings,
  serverName: string | undefined,
  schemas: 'portable' | 'exact',
): Promise<CommandResult> {
  const { settings } = loaded;
  return withStartedServers(options, loaded, async (registry, logger) => {
    const name = serverName ?? (settings.singleServer ? settings.servers[0]?.name : undefined);
    const server = name === undefined ? undefined : registry.servers.get(name);
    if (name !== undefined && server === undefined) {
      const names = registry.list().map((one) => one.name);
      throw new UsageError(`There is no server "${name}"; the configuration has ${names.join(', ')}.`);
    }
    const documents = new DocumentCache(settings, registry, () => settings.hasAuthentication, logger);
    const { body } = await documents.of(server, schemas);
    return done(toJson(JSON.parse(body.toString('utf8'))));
  });
}

/**
 * Runs `work` on the configured servers, started without the service around them, once each has listed its tools or
 * failed to; ends them all afterwards. Only errors are logged, to standard error.
 */
async function withStartedServers<Result>(
  options: ServiceOptions,
  { settings, secrets }: LoadedSettings,
  work: (registry: ServerRegistry, logger: Logger) => Promise<Result>,
): Promise<Result> {
  const redactor = new Redactor();
  redactor.add(secrets.configured);
  const level = options.logLevel === undefined ? 'error' : settings.logLevel;
  const logger = createLogger({ level, format: settings.logFormat, redactor });
  const registry = createRegistry(settings, logger, redactor, NO_CACHE);
  try {
    registry.start();
    await registry.whenSettled();
    return await work(registry, logger);
  } finally {
    await registry.stop();
  }
}

/** Nothing more can be checked of a server whose tools only a user can list. */
function isOk({ status, config: { isolation, discovery } }: Server): boolean {
  return status.state === 'ready' || (isolation !== 'shared' && discovery === undefined);
}

function describeServer(server: Server): string {
  const { name, catalogue, status } = server;
  const { state, reason, detail } = status;
  const tools = catalogue === undefined ? '' : `, ${publishedTools(catalogue).length} tools`;
  const why = (reason === undefined ? '' : `: ${reason}`) + (detail === undefined ? '' : `; ${detail}`);
  const lines = [
    ...[...(catalogue?.tools.values() ?? [])].map(describeTool),
    ...(catalogue?.rejected ?? []).map((tool) => `tool "${tool.name.slice(0, 200)}" is left out: ${tool.reason}`),
    ...(catalogue?.unmatchedRules ?? []).map(describeUnmatchedRule),
  ];
  const first = `${isOk(server) ? 'ok    ' : 'failed'}  ${name}  ${state}${tools}${why}`;
  return [first, ...lines].map((line, index) => `${index === 0 ? '' : ' '.repeat(10)}${line}\n`).join('');
}

function describeTool({ ownName, definition: { name }, isHidden }: CatalogueTool): string {
  const notes = [
    ...(name === ownName ? [] : [`the server's ${ownName.slice(0, 200)}`]),
    ...(isHidden ? ['hidden'] : []),
  ];
  return name.slice(0, 200) + (notes.length === 0 ? '' : ` (${notes.join(', ')})`);
}
