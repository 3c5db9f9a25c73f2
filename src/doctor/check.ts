import type { Subject } from './subject.ts';

/** In the order in which they are shown. */
export const groups = ['access', 'network', 'files', 'servers', 'storage', 'audit', 'platform'] as const;
export type Group = (typeof groups)[number];

/** From the worst on. `unknown`: it could not be looked at. */
export const states = ['problem', 'warning', 'unknown', 'ok', 'not-applicable'] as const;
export type State = (typeof states)[number];

/** One thing that a check has seen; never contains a secret. */
export type Finding =
  | { readonly state: 'problem' | 'warning' | 'unknown'; readonly message: string; readonly advice: string }
  | { readonly state: 'ok' | 'not-applicable'; readonly message: string };

/** One line of the table of `mcpo-ts doctor`. */
export interface Check {
  /** Stable: scripts and the log name it. */
  readonly id: string;
  readonly group: Group;
  /** What holds when all is well. */
  readonly title: string;
  /** The worst state that it can find. */
  readonly worst: 'problem' | 'warning';
  /** Needs the servers; without a servers file that can be read it is not run. */
  readonly needsServers?: true;
  readonly run: (subject: Subject) => readonly Finding[] | Promise<readonly Finding[]>;
}

/** A check that costs nothing: what it finds to be a problem is also logged at every start. */
export interface StartCheck extends Check {
  readonly atStart: true;
  readonly run: (subject: StartSubject) => readonly Finding[];
}

/** What is known at a start without asking anybody. */
export type StartSubject = Pick<
  Subject,
  'now' | 'settings' | 'secrets' | 'environment' | 'options' | 'system' | 'dataDir'
>;

export function problem(message: string, advice: string): Finding {
  return { state: 'problem', message, advice };
}

export function warning(message: string, advice: string): Finding {
  return { state: 'warning', message, advice };
}

export function unknown(message: string, advice: string): Finding {
  return { state: 'unknown', message, advice };
}

export function ok(message: string): readonly Finding[] {
  return [{ state: 'ok', message }];
}

export function notApplicable(message: string): readonly Finding[] {
  return [{ state: 'not-applicable', message }];
}

/** The findings, or that all is well. */
export function orOk(findings: readonly Finding[], message: string): readonly Finding[] {
  return findings.length > 0 ? findings : ok(message);
}

const MAX_NAMES = 8;

/** `a, b and 3 more`. */
export function listNames(names: readonly string[]): string {
  const shown = names.slice(0, MAX_NAMES).join(', ');
  return names.length > MAX_NAMES ? `${shown} and ${names.length - MAX_NAMES} more` : shown;
}
