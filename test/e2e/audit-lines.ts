import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Service, temporaryFolder, waitFor } from './harness.ts';

/** A line of the audit log, as far as tests look at it. */
export interface AuditLine {
  readonly timestamp: string;
  readonly event_type: string;
  readonly user_id: string | null;
  readonly resource: string | null;
  readonly action: string;
  readonly result: string;
  readonly details: Readonly<Record<string, unknown>> | null;
  readonly client_ip: string | null;
  readonly user_agent: string | null;
  readonly request_id: string | null;
  readonly session_id: string | null;
}

export function auditFile(): string {
  return join(temporaryFolder(), 'audit.jsonl');
}

/** The whole lines that were written so far. */
export function auditLines(file: string): AuditLine[] {
  if (!existsSync(file)) return [];
  const whole = readFileSync(file, 'utf8').split('\n').slice(0, -1);
  return whole.map((line) => JSON.parse(line) as AuditLine);
}

/** The first line that `matches`, as soon as it is written. */
export function waitForLine(file: string, matches: (line: AuditLine) => boolean, what = 'an audit line') {
  return waitFor(() => auditLines(file).find(matches), 5_000, what);
}

/** What the audit log says of the request that got this answer. */
export function lineOf(file: string, answer: Awaited<ReturnType<Service['get']>>): Promise<AuditLine> {
  const id = answer.headers['x-request-id'];
  return waitForLine(file, ({ request_id }) => request_id === id, `the audit line of request ${String(id)}`);
}
