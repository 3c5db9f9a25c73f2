import { createHash } from 'node:crypto';
import type { ServerConfig } from '../config/server-config.ts';
import type { RejectedTool, ServerInfo, ToolDefinition, ToolList } from '../mcp/session.ts';
import { ToolRules } from '../rules/argument-rules.ts';
import { type ArgumentCheck, ArgumentChecks, type ResultCheck } from '../schema/check/argument-check.ts';
import { schemaRefusal } from '../schema/normalize-schema.ts';
import { collisionReasons } from './name-collisions.ts';
import { groundOf } from './path-ground.ts';
import { overrideOf, withOverride } from './tool-overrides.ts';
import { type ToolRule, unmatchedRules } from './unmatched-rules.ts';

/** What of a server's settings is about its tools. */
export type ToolRuleSource = Pick<ServerConfig, 'disabledTools' | 'enabledTools'> &
  Partial<Pick<ServerConfig, 'access' | 'tools' | 'rules' | 'transport'>>;

export interface CatalogueTool {
  /** The server's own name for it, by which it is called there, authorized and recorded. */
  readonly ownName: string;
  /** As callers see it. */
  readonly definition: ToolDefinition;
  /** Checks a call's arguments against the untouched inputSchema; compiled at the tool's first call. */
  readonly checkArguments: ArgumentCheck;
  /** What arguments may be beside that; absent where the servers file has no rule for the tool. */
  readonly rules?: ToolRules | undefined;
  /** Checks a result's `structuredContent` against the outputSchema; absent without one that can be checked. */
  readonly checkResult?: ResultCheck | undefined;
  /** Neither documents nor pages list it; it can be called. */
  readonly isHidden?: boolean | undefined;
}

/** A server's current list of tools, as it is served. */
export interface Catalogue {
  /** Equal for equal content: a digest of everything a document is made from. */
  readonly revision: string;
  readonly serverInfo: ServerInfo;
  readonly instructions: string | undefined;
  /** By the exact name that callers see. */
  readonly tools: ReadonlyMap<string, CatalogueTool>;
  /** Tools that the server offers and that cannot be served, each with the reason. */
  readonly rejected: readonly RejectedTool[];
  /** Rules of the servers file that match none of the tools that the server offers. */
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
  const offered: CatalogueTool[] = [];
  const rejected = [...source.list.rejected];
  for (const definition of source.list.tools) {
    const { name } = definition;
    const composed = name.normalize('NFC');
    if (config.disabledTools.has(composed) || config.enabledTools?.has(composed) === false) continue;
    const refusal = schemaRefusal(definition.inputSchema);
    if (refusal !== undefined) rejected.push({ name, reason: refusal });
    else offered.push(toCatalogueTool(definition, config, checks));
  }
  const reasons = collisionReasons(offered);
  for (const tool of offered) {
    const reason = reasons.get(tool);
    if (reason === undefined) tools.set(tool.definition.name, tool);
    else rejected.push({ name: tool.ownName, reason });
  }
  const { serverInfo, instructions } = source;
  const content = [serverInfo, instructions, [...tools.values()].map((tool) => [tool.definition, tool.isHidden])];
  const revision = createHash('sha256').update(JSON.stringify(content)).digest('base64url').slice(0, 22);
  return { revision, serverInfo, instructions, tools, rejected, unmatchedRules: unmatchedRules(config, source.list) };
}

/** The tools that documents and pages list, in the server's order. */
export function publishedTools(catalogue: Pick<Catalogue, 'tools'> | undefined): readonly CatalogueTool[] {
  return [...(catalogue?.tools.values() ?? [])].filter(({ isHidden }) => isHidden !== true);
}

/** An outputSchema that cannot be checked takes nothing from the tool: a result is delivered in any case. */
function toCatalogueTool(definition: ToolDefinition, config: ToolRuleSource, checks: ArgumentChecks): CatalogueTool {
  const { name: ownName, inputSchema, outputSchema } = definition;
  const override = overrideOf(config.tools, ownName);
  const rules = config.rules && ToolRules.of(config.rules, { ownName, inputSchema }, groundOf(config.transport));
  const isChecked = outputSchema !== undefined && schemaRefusal(outputSchema) === undefined;
  return {
    ownName,
    definition: withOverride(definition, override),
    checkArguments: checks.add(inputSchema),
    ...(rules && { rules }),
    ...(isChecked && { checkResult: checks.addResult(outputSchema) }),
    ...(override?.hidden && { isHidden: true }),
  };
}
