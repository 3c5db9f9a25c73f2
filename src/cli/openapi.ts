import type { CommandLine } from '../config/arguments.ts';
import type { Environment } from '../config/environment.ts';
import { UsageError } from '../errors.ts';
import { DocumentCache } from '../http/documents/document-cache.ts';
import { withStartedServers } from './start-servers.ts';

/**
 * Starts the servers, returns one server's OpenAPI document (in single-server mode that of the only one) or the
 * document of all as indented JSON, and ends them.
 * Throws `UsageError` for an unknown server, `ServerUnavailableError` for one that does not start.
 */
export function printOpenApi(
  { options, server, schemas }: Extract<CommandLine, { kind: 'openapi' }>,
  environment: Environment,
): Promise<string> {
  return withStartedServers(options, environment, async ({ settings, registry, logger, hasAuthentication }) => {
    const name = server ?? (settings.singleServer ? settings.servers[0]?.name : undefined);
    if (name !== undefined && registry.get(name) === undefined) {
      const names = registry.list().map((one) => one.name);
      throw new UsageError(`There is no server "${name}"; the configuration has ${names.join(', ')}.`);
    }
    const documents = new DocumentCache(settings, registry, () => hasAuthentication, logger);
    const { body } = name === undefined ? await documents.ofAll(schemas) : await documents.ofServer(name, schemas);
    return `${JSON.stringify(JSON.parse(body.toString('utf8')), undefined, 2)}\n`;
  });
}
