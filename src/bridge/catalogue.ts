import { createHash } from 'node:crypto';
import type { ServerConfig } from '../config/server-config.ts';
import type { RejectedTool, ServerInfo, ToolDefinition, ToolList } from '../mcp/session.ts';
import { type ArgumentCheck, ArgumentChecks } from './argument-check.ts';
import { schemaRefusal } from './schema-refusal.ts';

export interface CatalogueTool {
  readonly definition: ToolDefinition;
  /** Checks a call's arguments against the untouched inputSchema; compiled at the tool's first call. */
  readonly checkArguments: ArgumentCheck;
}

/** A server's current list of tools, as it is served. */
export interface Catalogue {
  /** Equal for equal content: a digest of everything a document is made from. */
  readonly revision: string;
  readonly serverInfo: ServerInfo;
  readonly instructions: string | undefined;
  /** By exact MCP name. */
  readonly tools: ReadonlyMap<string, CatalogueTool>;
  /** Tools that the server offers and that cannot be served, each with the reason. */
  readonly rejected: readonly RejectedTool[];
}

export interface CatalogueSource {
  readonly serverInfo: ServerInfo;
  readonly instructions: string | undefined;
  readonly list: ToolList;
}

/** Makes the served catalogue from what the server lists and what the admin enabled. */
export function toCatalogue(
  source: CatalogueSource,
  config: Pick<ServerConfig, 'enabledTools' | 'disabledTools'>,
): Catalogue {
  const checks = new ArgumentChecks();
  const tools = new Map<string, CatalogueTool>();
  const rejected = [...source.list.rejected];
  for (const definition of source.list.tools) {
    const { name } = definition;
    if (config.disabledTools.has(name) || config.enabledTools?.has(name) === false) continue;
    const refusal = schemaRefusal(definition.inputSchema);
    if (refusal !== undefined) rejected.push({ name, reason: refusal });
    else tools.set(name, { definition, checkArguments: checks.add(definition.inputSchema) });
  }
  const { serverInfo, instructions } = source;
  const content = [serverInfo, instructions, [...tools.values()].map((tool) => tool.definition)];
  const revision = createHash('sha256').update(JSON.stringify(content)).digest('base64url').slice(0, 22);
  return { revision, serverInfo, instructions, tools, rejected };
}
