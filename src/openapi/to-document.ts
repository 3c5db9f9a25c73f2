import type { InfoObject, OpenAPIObject, PathItemObject, SchemaObject, TagObject } from 'openapi3-ts/oas31';
import type { RejectedTool } from '../mcp/session.ts';
import { RefusedSchemaError } from '../schema/schema-limits.ts';
import type { DocumentInput, DocumentServer } from './document-input.ts';
import { errorSchemas, toErrorResponses } from './error-responses.ts';
import { toOperationIds } from './operation-id.ts';
import { toOperation } from './to-operation.ts';

const DEFAULT_TITLE = 'mcpo-ts';
const DEFAULT_VERSION = '1.0';

/**
 * The OpenAPI 3.1 document of one server or of all. A tool that cannot be published is left out and reported
 * to `onOmitted`; the others stay.
 */
export function toDocument(
  input: DocumentInput,
  onOmitted?: (server: string, tool: RejectedTool) => void,
): OpenAPIObject {
  const isOfAll = input.scope === 'all';
  const hasUserVariables = input.servers.some((server) => server.hasUserVariables);
  const errors = toErrorResponses(input.hasAuthentication, input.toolErrorStatus, hasUserVariables);
  // Ids of the style `server` are unique over all servers, the others only within their document.
  const named = input.operationIds === 'server' ? (input.allServers ?? input.servers) : input.servers;
  const ids = toOperationIds(named, input.operationIds, input.singleServer);

  const paths = new Map<string, PathItemObject>();
  const schemas = new Map<string, SchemaObject>();
  for (const server of input.servers) {
    for (const tool of server.tools) {
      const path = toToolPath(tool.name, isOfAll ? server.name : undefined);
      const operationId = ids.get(server.name)?.get(tool.name);
      if (path === undefined || operationId === undefined) {
        onOmitted?.(server.name, { name: tool.name, reason: 'its name cannot be part of a URL' });
        continue;
      }
      // Of two tools with one name, calls reach the first.
      if (paths.has(path)) continue;
      try {
        const { operation, components } = toOperation(tool, {
          operationId,
          schemas: input.schemas ?? 'portable',
          tag: isOfAll ? server.name : undefined,
          errors: errors.byStatus,
        });
        paths.set(path, { post: operation });
        for (const [name, schema] of components) schemas.set(name, schema);
      } catch (error) {
        if (!(error instanceof RefusedSchemaError)) throw error;
        onOmitted?.(server.name, { name: tool.name, reason: error.message });
      }
    }
  }

  return {
    openapi: '3.1.0',
    info: toInfo(input),
    servers: [{ url: input.baseUrl.replace(/(?<=.)\/+$/, '') }],
    security: input.hasAuthentication ? [{ bearer: [] }] : [],
    ...(isOfAll ? { tags: input.servers.map(toTag) } : {}),
    paths: Object.fromEntries(paths),
    components: {
      schemas: { ...errorSchemas, ...Object.fromEntries(schemas) },
      responses: { ...errors.components },
      ...(input.hasAuthentication ? { securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } } } : {}),
    },
  };
}

function toInfo({ api, scope, servers }: DocumentInput): InfoObject {
  const server = scope === 'server' ? servers[0] : undefined;
  const info = server?.serverInfo;
  return {
    title: api.name || server?.title || info?.title || info?.name || server?.name || DEFAULT_TITLE,
    description: [
      api.description ||
        server?.instructions ||
        (server === undefined
          ? 'The tools of every configured MCP server.'
          : `The tools of ${server.title || server.name}.`),
      ...servers.filter(({ awaitedSource }) => awaitedSource !== undefined).map(describeAwaiting),
    ].join('\n\n'),
    version: api.version || info?.version || DEFAULT_VERSION,
  };
}

/** A document without the tools must say why, and what the admin can do about it. */
function describeAwaiting({ name, title = name, awaitedSource }: DocumentServer): string {
  const why =
    awaitedSource === 'admin'
      ? "a user's value is part of its url, command or args, so each user may reach a different server, and one user's list is not shown to others. They appear here once an admin has connected"
      : 'each user has their own session, and no user has opened one. They appear here once one has';
  return `The tools of ${title} are not known yet: ${why}, or at once if the admin sets "discovery" values for ${name}. Until then the one operation, ${name}_connect, signs a user in: it answers with a link to set what is missing, then with the names of the tools. Then save the connection in Open WebUI again.`;
}

function toTag(server: DocumentServer): TagObject {
  return {
    name: server.name,
    description:
      server.instructions || server.title || server.serverInfo?.title || server.serverInfo?.name || server.name,
  };
}

/**
 * The path of a document under which a tool is called: `/<tool>`, or `/<server>/<tool>` when a server is given, each
 * name percent-encoded as one segment (RFC 3986, section 3.3), so without braces, which would make a template.
 * `undefined` for names that no URL can carry: empty ones, `.`, `..` and broken Unicode.
 */
function toToolPath(tool: string, server?: string): string | undefined {
  const segments = server === undefined ? [tool] : [server, tool];
  if (segments.some((segment) => segment === '' || segment === '.' || segment === '..' || !segment.isWellFormed()))
    return undefined;
  return segments.map((segment) => `/${encodeURIComponent(segment)}`).join('');
}
