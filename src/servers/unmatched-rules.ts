import { matchesName } from '../auth/scope.ts';
import type { ServerConfig } from '../config/server-config.ts';

/** A name or pattern of the servers file that is about tools. */
export interface ToolRule {
  readonly key: 'access.tools' | 'disabledTools' | 'enabledTools';
  readonly pattern: string;
}

/** What of a server's settings is about its tools. */
export type ToolRuleSource = Pick<ServerConfig, 'disabledTools' | 'enabledTools'> &
  Partial<Pick<ServerConfig, 'access'>>;

/** The rules that match none of the tools that a server offers: most probably they are misspelt and restrict nothing. */
export function unmatchedRules(
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
