import type { Settings } from '../../config/settings.ts';
import { ServerUnavailableError } from '../../errors.ts';
import type { DocumentInput, DocumentServer, SchemaForm } from '../../openapi/document-input.ts';
import { type SerializedDocument, serializeDocument } from '../../openapi/serialize-document.ts';
import { toDocument } from '../../openapi/to-document.ts';
import { publishedTools } from '../../servers/catalogue.ts';
import { toConnectTool } from '../../servers/connect-tool.ts';
import type { Server } from '../../servers/server.ts';
import type { ServerRegistry } from '../../servers/server-registry.ts';
import { spokenTitleOfServer } from '../../servers/server-title.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { ListedServer } from '../pages/shown-server.ts';
import { serverPath } from '../paths.ts';

/** Open WebUI gives up on a document after ten seconds and does not ask again. */
const CATALOGUE_WAIT_MS = 8_000;

interface CachedDocument {
  readonly revision: string;
  readonly document: SerializedDocument;
}

/** Builds each document once per catalogue and form of its schemas, and serves it from memory. */
export class DocumentCache {
  readonly #settings: Settings;
  readonly #registry: ServerRegistry;
  readonly #hasAuthentication: () => boolean;
  readonly #logger: Logger;
  readonly #documents = new Map<string, CachedDocument>();

  constructor(settings: Settings, registry: ServerRegistry, hasAuthentication: () => boolean, logger: Logger) {
    this.#settings = settings;
    this.#registry = registry;
    this.#hasAuthentication = hasAuthentication;
    this.#logger = logger;
  }

  /**
   * The document of one server, or of all that have a catalogue, waiting for those on their way. Rejects with
   * `ServerUnavailableError` while the one server has no catalogue.
   */
  async of(server: Server | undefined, schemas: SchemaForm): Promise<SerializedDocument> {
    const servers = server === undefined ? this.#registry.list() : [server];
    await Promise.all(servers.map((one) => one.whenCatalogue(CATALOGUE_WAIT_MS)));
    const listed = servers.filter(({ catalogue, awaitedSource }) => catalogue ?? awaitedSource);
    if (server !== undefined && listed.length === 0) throw noCatalogue(server);
    return this.#cached(listed, server?.name, schemas);
  }

  #cached(servers: readonly Server[], name: string | undefined, schemas: SchemaForm): SerializedDocument {
    // No server's name holds a space.
    const key = `${schemas} ${name ?? ''}`;
    // Operation ids are unique over all servers, so every catalogue counts; a reload can change a status alone.
    const revision =
      this.#registry
        .list()
        .map(
          ({ name, catalogue, awaitedSource, config }) =>
            `${name} ${catalogue?.revision ?? ''} ${awaitedSource} ${config.userVars.size > 0} ${config.toolErrorStatus} ${config.title ?? ''}`,
        )
        .join('\n') + String(this.#hasAuthentication());
    const cached = this.#documents.get(key);
    if (cached?.revision === revision) return cached.document;
    const document = this.#build(servers, name, schemas);
    this.#documents.set(key, { revision, document });
    return document;
  }

  #build(servers: readonly Server[], name: string | undefined, schemas: SchemaForm): SerializedDocument {
    const { rootPath, pathPrefix, api, operationIds, singleServer } = this.#settings;
    const path = name === undefined ? pathPrefix.slice(0, -1) : serverPath(name, this.#settings);
    const input: DocumentInput = {
      servers: servers.map(toDocumentServer),
      allServers: this.#registry.list().map(toDocumentServer),
      scope: name === undefined ? 'all' : 'server',
      baseUrl: rootPath + path || '/',
      api: name === undefined || singleServer ? api : { name: undefined, description: undefined, version: undefined },
      operationIds,
      singleServer,
      hasAuthentication: this.#hasAuthentication(),
      toolErrorStatus: servers[0]?.config.toolErrorStatus ?? 500,
      schemas,
    };
    const document = toDocument(input, (server, { name: tool, reason }) => {
      this.#logger.warn('tool is left out of the document', { server, tool, reason });
    });
    return serializeDocument(document);
  }
}

/** A server as documents show it: without a list of tools it has the one that connects. */
export function toDocumentServer(server: ListedServer): DocumentServer {
  const { catalogue, awaitedSource } = server;
  return {
    name: server.name,
    title: server.config.title,
    serverInfo: catalogue?.serverInfo,
    instructions: catalogue?.instructions,
    hasUserVariables: server.config.userVars.size > 0,
    awaitedSource,
    toolErrorStatus: server.config.toolErrorStatus,
    tools:
      awaitedSource === undefined
        ? publishedTools(catalogue).map((tool) => tool.definition)
        : [toConnectTool(server.name, spokenTitleOfServer(server.config))],
  };
}

function noCatalogue(server: Server): ServerUnavailableError {
  const { state, reason, detail } = server.status;
  return new ServerUnavailableError(
    `Server "${server.name}" is ${state} and has not listed its tools yet${reason ? `: ${reason}` : ''}.`,
    5,
    { detail },
  );
}
