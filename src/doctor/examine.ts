import { type Redact, Redactor } from '../telemetry/redactor.ts';
import { readVersion } from '../version.ts';
import { type Check, type Finding, type Group, groups, notApplicable, type State, states, unknown } from './check.ts';
import { checks } from './checks.ts';
import type { Subject } from './subject.ts';

/** A check that asks others must not keep the command from ending. */
const TIMEOUT_MS = 20_000;

export interface CheckResult {
  readonly id: string;
  readonly group: Group;
  readonly title: string;
  /** The worst of its findings. */
  readonly state: State;
  readonly findings: readonly Finding[];
}

/** The result of `mcpo-ts doctor`; its form is stable, and documented. */
export interface Report {
  /** Of this form. */
  readonly format: 1;
  readonly version: string;
  /** ISO 8601, UTC. */
  readonly examinedAt: string;
  /** Checks by their state. */
  readonly summary: Readonly<Record<State, number>>;
  readonly checks: readonly CheckResult[];
}

/** Runs every check. No finding contains a secret of the configuration. Never rejects because of what a check meets. */
export async function examine(subject: Subject): Promise<Report> {
  const redactor = new Redactor();
  redactor.add(subject.secrets.configured);
  const redact: Redact = (text) => redactor.redact(text);
  const results = await Promise.all(checks.map((check) => runCheck(check, subject, redact)));
  const place = ({ group }: CheckResult) => groups.indexOf(group);
  const sorted = [...results].sort((one, other) => place(one) - place(other));
  const count = (state: State) => sorted.filter((result) => result.state === state).length;
  return {
    format: 1,
    version: readVersion(),
    examinedAt: new Date(subject.now).toISOString(),
    summary: Object.fromEntries(states.map((state) => [state, count(state)])) as Record<State, number>,
    checks: sorted,
  };
}

async function runCheck(check: Check, subject: Subject, redact: Redact): Promise<CheckResult> {
  const { id, group, title } = check;
  const findings = (await findingsOf(check, subject)).map((finding) => redactFinding(finding, redact));
  const state = states.find((one) => findings.some((finding) => finding.state === one)) ?? 'ok';
  return { id, group, title, state, findings };
}

async function findingsOf({ needsServers, run }: Check, subject: Subject): Promise<readonly Finding[]> {
  if (needsServers && !subject.hasServers) return notApplicable('There is no servers file that can be read.');
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<readonly Finding[]>((resolve) => {
    const late = unknown('The check took too long.', 'Run this again; if it stays so, look at what it asks.');
    timer = setTimeout(() => resolve([late]), TIMEOUT_MS);
  });
  try {
    return await Promise.race([run(subject), timeout]);
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    return [unknown(`This could not be looked at (${reason}).`, 'Run this as the user of the service.')];
  } finally {
    clearTimeout(timer);
  }
}

function redactFinding(finding: Finding, redact: Redact): Finding {
  const message = redact(finding.message);
  return 'advice' in finding ? { ...finding, message, advice: redact(finding.advice) } : { ...finding, message };
}
