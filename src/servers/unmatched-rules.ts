import { matchesName } from '../auth/scope.ts';
import type { ServerConfig } from '../config/server-config.ts';
import type { ToolDefinition, ToolList } from '../mcp/session.ts';
import { hasArgument } from '../rules/listed-arguments.ts';

/** What of a server's settings names tools. */
type NamingSettings = Pick<ServerConfig, 'disabledTools' | 'enabledTools'> &
  Partial<Pick<ServerConfig, 'access' | 'rules' | 'tools'>>;

/** A name or pattern of the servers file that is about tools. */
export interface ToolRule {
  readonly key: 'access.tools' | 'disabledTools' | 'enabledTools' | 'rules' | 'tools';
  readonly pattern: string;
  /** Set where the pattern matches a tool, and none that it matches has the argument. */
  readonly argument?: string;
}

/** The rules that match nothing of what a server offers: most probably they are misspelt and restrict nothing. */
export function unmatchedRules(
  { access, disabledTools, enabledTools, rules, tools }: NamingSettings,
  list: ToolList,
): readonly ToolRule[] {
  const offered = [...list.tools, ...list.rejected].map(({ name }) => name);
  const composed = new Set(offered.map((name) => name.normalize('NFC')));
  const unmatched = (key: ToolRule['key'], patterns: Iterable<string>, matches: (pattern: string) => boolean) =>
    [...patterns].filter((pattern) => !matches(pattern)).map((pattern) => ({ key, pattern }));
  const matchesOne = (pattern: string) => offered.some((name) => matchesName(pattern, name));
  return [
    ...unmatched('access.tools', access?.tools?.keys() ?? [], matchesOne),
    ...unmatched('disabledTools', disabledTools, (name) => composed.has(name)),
    ...unmatched('enabledTools', enabledTools ?? [], (name) => composed.has(name)),
    ...unmatched('tools', tools?.keys() ?? [], (name) => composed.has(name)),
    ...unmatched('rules', rules?.keys() ?? [], matchesOne),
    ...[...(rules ?? [])].flatMap(([pattern, ofTool]) => unmatchedArguments(pattern, [...ofTool.keys()], list.tools)),
  ];
}

function unmatchedArguments(
  pattern: string,
  names: readonly string[],
  offered: readonly ToolDefinition[],
): readonly ToolRule[] {
  const tools = offered.filter(({ name }) => matchesName(pattern, name));
  if (tools.length === 0) return [];
  return names
    .filter((name) => !tools.some(({ inputSchema }) => hasArgument(inputSchema, name)))
    .map((argument) => ({ key: 'rules', pattern, argument }));
}

/** One sentence without the server's name. */
export function describeUnmatchedRule({ key, pattern, argument }: ToolRule): string {
  const quoted = JSON.stringify(pattern.slice(0, 200));
  if (argument === undefined) return `"${key}" names ${quoted}, and the server has no such tool`;
  const name = JSON.stringify(argument.slice(0, 200));
  return `"${key}" of ${quoted} names the argument ${name}, and no tool that it matches has it`;
}
