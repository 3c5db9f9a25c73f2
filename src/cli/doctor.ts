import type { Environment } from '../config/environment.ts';
import type { ServiceOptions } from '../config/service-options.ts';
import type { Finding, State } from '../doctor/check.ts';
import { type CheckResult, examine, type Report } from '../doctor/examine.ts';
import { openSubject } from '../doctor/subject.ts';
import { createPaint, type Paint } from '../telemetry/paint.ts';
import { type CommandResult, toJson } from './command-result.ts';

/** The flags of `mcpo-ts doctor`. */
export interface DoctorFlags {
  readonly json?: true;
  readonly failOn: 'problem' | 'warning';
  readonly all?: true;
}

const WORDS: Readonly<Record<State, readonly [word: string, colour: Parameters<Paint>[0]]>> = {
  problem: ['PROBLEM', 'red'],
  warning: ['warning', 'yellow'],
  unknown: ['unknown', 'cyan'],
  ok: ['ok', 'green'],
  'not-applicable': ['-', 'dim'],
};
const GROUPS: Readonly<Record<CheckResult['group'], string>> = {
  access: 'Access',
  network: 'Network',
  files: 'Files',
  servers: 'MCP servers',
  storage: 'Storage',
  audit: 'Audit log',
  platform: 'Platform',
};

/** `mcpo-ts doctor`: examines the configuration and what surrounds it, and changes nothing. Rejects with `UsageError`. */
export async function doctor(
  options: ServiceOptions,
  environment: Environment,
  { json, failOn, all }: DoctorFlags,
): Promise<CommandResult> {
  const report = await examine(await openSubject(options, environment));
  const { problem, warning } = report.summary;
  const exitCode = problem > 0 || (failOn === 'warning' && warning > 0) ? 1 : 0;
  if (json) return { text: toJson(report), exitCode };
  return { text: toText(report, all === true, createPaint(environment.terminal.colours.out)), exitCode };
}

/** What is not well, the worst first, then a line of what is; with `showsAll` every check by its group. */
function toText(report: Report, showsAll: boolean, paint: Paint): string {
  const sections = showsAll ? byGroup(report) : byState(report);
  const blocks = sections.map(([heading, results]) => {
    const lines = results.map((result) => toBlock(result, paint));
    return `${paint('dim', heading)}\n${lines.join('')}`;
  });
  return `${blocks.join('\n')}${blocks.length > 0 ? '\n' : ''}${toSummary(report, paint)}\n`;
}

function byState({ checks }: Report): readonly (readonly [string, readonly CheckResult[]])[] {
  const headings = { problem: 'Problems', warning: 'Warnings', unknown: 'Not known' } as const;
  return (['problem', 'warning', 'unknown'] as const)
    .map((state) => [headings[state], checks.filter((result) => result.state === state)] as const)
    .filter(([, results]) => results.length > 0);
}

function byGroup({ checks }: Report): readonly (readonly [string, readonly CheckResult[]])[] {
  return Object.entries(GROUPS).map(([group, heading]) => [heading, checks.filter((result) => result.group === group)]);
}

/** Of what is not well the id, which scripts and the log name; of the rest what holds. */
function toBlock({ id, title, state, findings }: CheckResult, paint: Paint): string {
  const [word, colour] = WORDS[state];
  const name = state === 'ok' || state === 'not-applicable' ? `${title} ${paint('dim', `(${id})`)}` : id;
  const head = `  ${paint(colour, word.padEnd(7))}  ${name}\n`;
  return head + findings.map((finding, index) => toLines(finding, findings[index + 1], paint)).join('');
}

const INDENT = ' '.repeat(11);

/** Advice that the next finding repeats is left to that one. */
function toLines(finding: Finding, next: Finding | undefined, paint: Paint): string {
  const message = `${INDENT}${oneLine(finding.message)}\n`;
  if (!('advice' in finding)) return message;
  const isRepeated = next !== undefined && 'advice' in next && next.advice === finding.advice;
  return isRepeated ? message : `${message}${INDENT}${paint('cyan', '→')} ${oneLine(finding.advice)}\n`;
}

/** What others wrote, such as a header, cannot make lines or colours of its own. */
function oneLine(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, ' ');
}

function toSummary({ summary, checks }: Report, paint: Paint): string {
  const count = (state: State, one: string, many: string) => `${summary[state]} ${summary[state] === 1 ? one : many}`;
  const parts = [
    paint(summary.problem > 0 ? 'red' : 'green', count('problem', 'problem', 'problems')),
    paint(summary.warning > 0 ? 'yellow' : 'green', count('warning', 'warning', 'warnings')),
    count('unknown', 'not known', 'not known'),
    count('ok', 'ok', 'ok'),
    count('not-applicable', 'not applicable', 'not applicable'),
  ];
  return `${checks.length} checks: ${parts.join(', ')}.`;
}
