import { createHash } from 'node:crypto';
import { matchesName } from '../auth/scope.ts';
import type { ServerConfig } from '../config/server-config.ts';
import type { RejectedTool, ServerInfo, ToolDefinition, ToolList } from '../mcp/session.ts';
import { type ArgumentCheck, ArgumentChecks, type ResultCheck } from '../schema/check/argument-check.ts';
import { schemaRefusal } from '../schema/normalize-schema.ts';

const SHOWN_NAME_CHARACTERS = 80;

/** A name or pattern of the servers file that is about tools. */
export interface ToolRule {
  readonly key: 'access.tools' | 'disabledTools' | 'enabledTools';
  readonly pattern: string;
}

/** What of a server's settings is about its tools. */
export type ToolRuleSource = Pick<ServerConfig, 'disabledTools' | 'enabledTools'> &
  Partial<Pick<ServerConfig, 'access'>>;

export interface CatalogueTool {
  readonly definition: ToolDefinition;
  /** Checks a call's arguments against the untouched inputSchema; compiled at the tool's first call. */
  readonly checkArguments: ArgumentCheck;
  /** Checks a result's `structuredContent` against the outputSchema; absent without one that can be checked. */
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

/** The rules that match none of the tools that a server offers: most probably they are misspelt and restrict nothing. */
function unmatchedRules(
  { access, disabledTools, enabledTools }: ToolRuleSource,
  offered: readonly string[],
): readonly ToolRule[] {
  const rules: ToolRule[] = [
    ...[...(access?.tools?.keys() ?? [])].map((pattern) => ({ key: 'access.tools', pattern }) as const),
    ...[...disabledTools].map((pattern) => ({ key: 'disabledTools', pattern }) as const),
    ...[...(enabledTools ?? [])].map((pattern) => ({ key: 'enabledTools', pattern }) as const),
  ];
  const composed = new Set(offered.map((name) => name.normalize('NFC')));
  return rules.filter(({ key, pattern }) =>
    key === 'access.tools' ? !offered.some((name) => matchesName(pattern, name)) : !composed.has(pattern),
  );
}

/** One sentence without the server's name. */
export function describeUnmatchedRule({ key, pattern }: ToolRule): string {
  return `"${key}" names ${JSON.stringify(pattern.slice(0, 200))}, and the server has no such tool`;
}

/**
 * Which of a server's tools cannot be served because an earlier one has the same URL or, once everything that an
 * operation id cannot hold is replaced by `_`, the same id. Letters of other scripts count as different, since two tools
 * with Chinese names would exclude each other otherwise; their operation ids are distinguished by a hash.
 */
export function nameCollisions(names: Iterable<string>): readonly RejectedTool[] {
  const byRoute = new Map<string, string>();
  const byId = new Map<string, string>();
  const collisions: RejectedTool[] = [];
  for (const name of names) {
    const [route, id] = [routeKey(name), idKey(name)];
    const [sameRoute, sameId] = [byRoute.get(route), byId.get(id)];
    const other = sameRoute ?? sameId;
    if (other === undefined) {
      byRoute.set(route, name);
      byId.set(id, name);
    } else {
      const what = sameRoute === undefined ? 'operation id' : 'URL';
      const reason = `it would have the same ${what} as ${shown(other)}; put the one that is not wanted in "disabledTools"`;
      collisions.push({ name, reason });
    }
  }
  return collisions;
}

/** What is left of a name after all that happens to a URL on its way: one decoding, tidied slashes, composed letters. */
function routeKey(name: string): string {
  return decoded(name)
    .normalize('NFC')
    .replace(/\/{2,}/g, '/')
    .replace(/^\/|\/$/g, '');
}

function idKey(name: string): string {
  return name.normalize('NFC').replace(/(?![_-])(?:[^A-Za-z0-9\u0080-\u{10ffff}]|[\p{P}\p{Z}\p{C}])/gu, '_');
}

function decoded(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}

function shown(name: string): string {
  return JSON.stringify(name.length > SHOWN_NAME_CHARACTERS ? `${name.slice(0, SHOWN_NAME_CHARACTERS)}…` : name);
}
