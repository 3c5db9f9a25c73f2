import { createHash } from 'node:crypto';
import type { RejectedTool, ServerInfo, ToolDefinition, ToolList } from '../mcp/session.ts';
import { type ArgumentCheck, ArgumentChecks, type ResultCheck } from '../schema/check/argument-check.ts';
import { schemaRefusal } from '../schema/normalize-schema.ts';
import { nameCollisions } from './name-collisions.ts';
import { type ToolRule, type ToolRuleSource, unmatchedRules } from './unmatched-rules.ts';

export interface CatalogueTool {
  readonly definition: ToolDefinition;
  /** Checks a call's arguments against the untouched inputSchema; compiled at the tool's first call. */
  readonly checkArguments: ArgumentCheck;
  /** Says what of the outputSchema a result's `structuredContent` breaks; absent without one that can be checked. */
  readonly checkResult?: ResultCheck | undefined;
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
  /** Rules of the servers file that are about none of the tools that the server offers. */
  readonly unmatchedRules: readonly ToolRule[];
}

export interface CatalogueSource {
  readonly serverInfo: ServerInfo;
  readonly instructions: string | undefined;
  readonly list: ToolList;
}

/** Makes the served catalogue from what the server lists and what the admin enabled. */
export function toCatalogue(source: CatalogueSource, config: ToolRuleSource): Catalogue {
  const checks = new ArgumentChecks();
  const tools = new Map<string, CatalogueTool>();
  const rejected = [...source.list.rejected];
  for (const definition of source.list.tools) {
    const { name } = definition;
    const composed = name.normalize('NFC');
    if (config.disabledTools.has(composed) || config.enabledTools?.has(composed) === false) continue;
    const refusal = schemaRefusal(definition.inputSchema);
    if (refusal !== undefined) rejected.push({ name, reason: refusal });
    else tools.set(name, toCatalogueTool(definition, checks));
  }
  for (const collision of nameCollisions(tools.keys())) {
    tools.delete(collision.name);
    rejected.push(collision);
  }
  const { serverInfo, instructions } = source;
  const content = [serverInfo, instructions, [...tools.values()].map((tool) => tool.definition)];
  const revision = createHash('sha256').update(JSON.stringify(content)).digest('base64url').slice(0, 22);
  const offered = [...source.list.tools, ...source.list.rejected].map(({ name }) => name);
  return { revision, serverInfo, instructions, tools, rejected, unmatchedRules: unmatchedRules(config, offered) };
}

/** An outputSchema that cannot be checked takes nothing from the tool: a result is delivered in any case. */
function toCatalogueTool(definition: ToolDefinition, checks: ArgumentChecks): CatalogueTool {
  const { inputSchema, outputSchema } = definition;
  const checkArguments = checks.add(inputSchema);
  if (outputSchema === undefined || schemaRefusal(outputSchema) !== undefined) return { definition, checkArguments };
  return { definition, checkArguments, checkResult: checks.addResult(outputSchema) };
}
