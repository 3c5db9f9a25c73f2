import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { ServerInfo, ToolDefinition } from '../../../src/mcp/session.ts';
import type { DocumentInput, DocumentServer } from '../../../src/openapi/document-input.ts';

const fixtures = new URL('../../fixtures/', import.meta.url);

/** The `tools/list` answer of a published MCP server, as it was recorded. */
interface RecordedCatalogue {
  readonly serverInfo: ServerInfo;
  readonly instructions?: string;
  readonly tools: readonly ToolDefinition[];
}

/** Every recorded catalogue as a server that is named after its package. */
export function readCatalogues(): readonly DocumentServer[] {
  const folder = new URL('catalogues/', fixtures);
  return readdirSync(folder)
    .sort()
    .map((file) => {
      const { serverInfo, instructions, tools } = readJson<RecordedCatalogue>(new URL(file, folder));
      return { name: file.replace('.json', ''), serverInfo, instructions, tools };
    });
}

/** Input schemas that broke other bridges, one tool each. */
export function readSchemaShapes(): readonly ToolDefinition[] {
  return readJson<readonly ToolDefinition[]>(new URL('schema-shapes.json', fixtures));
}

export function documentInput(
  servers: readonly DocumentServer[],
  overrides: Partial<DocumentInput> = {},
): DocumentInput {
  return {
    servers,
    scope: 'server',
    baseUrl: `/${servers[0]?.name ?? ''}`,
    api: { name: undefined, description: undefined, version: undefined },
    operationIds: 'server',
    singleServer: false,
    hasAuthentication: true,
    toolErrorStatus: 500,
    ...overrides,
  };
}

function readJson<T>(url: URL): T {
  return JSON.parse(readFileSync(fileURLToPath(url), 'utf8')) as T;
}
