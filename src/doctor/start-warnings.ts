import { accessStartChecks } from './access-checks.ts';
import type { StartCheck, StartSubject } from './check.ts';
import { fileStartChecks } from './file-checks.ts';
import { networkStartChecks } from './network-checks.ts';
import { platformStartChecks } from './platform-checks.ts';
import { serverStartChecks } from './server-checks.ts';
import { readSystem } from './subject.ts';

/** More than these nobody reads at a start. */
const MAX_WARNINGS = 5;

/** Those that cost a few file accesses at most, the worst first. */
const startChecks: readonly StartCheck[] = [
  ...fileStartChecks,
  ...serverStartChecks,
  ...accessStartChecks,
  ...networkStartChecks,
  ...platformStartChecks,
];

/** One line for each of the worst problems of a start. `mcpo-ts doctor` has the others, and those that take longer. */
export function startWarnings(subject: Omit<StartSubject, 'now' | 'system'>): readonly string[] {
  const whole: StartSubject = { ...subject, now: Date.now(), system: readSystem() };
  const problems = startChecks.flatMap((check) => problemsOf(check, whole));
  const shown = problems.slice(0, MAX_WARNINGS);
  const more = problems.length - shown.length;
  return more > 0 ? [...shown, `mcpo-ts doctor shows ${more} more ${more === 1 ? 'problem' : 'problems'}.`] : shown;
}

/** None where the check cannot be made: a start must not fail over it. */
function problemsOf({ id, run }: StartCheck, subject: StartSubject): readonly string[] {
  try {
    return run(subject).flatMap((one) => (one.state === 'problem' ? [`${one.message} ${one.advice} (${id})`] : []));
  } catch {
    return [];
  }
}
