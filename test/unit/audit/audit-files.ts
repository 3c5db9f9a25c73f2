import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach } from '@jest/globals';
import type { AuditEvent } from '../../../src/audit/audit-event.ts';
import { deriveAuditKeys } from '../../../src/audit/audit-keys.ts';
import { AuditLog, type AuditLogOptions } from '../../../src/audit/audit-log.ts';
import type { Logger } from '../../../src/telemetry/logger.ts';

export const KEY = Buffer.alloc(32, 7);
export const OTHER_KEY = Buffer.alloc(32, 8);
export const KEYS = deriveAuditKeys(KEY);
export const OTHER_KEYS = deriveAuditKeys(OTHER_KEY);

/** A folder for each test, and the log in it; what is left open is closed. */
export function useAuditFolder() {
  const context = { folder: '', file: '', said: [] as string[] };
  const open: AuditLog[] = [];
  beforeEach(() => {
    context.folder = mkdtempSync(join(tmpdir(), 'audit-'));
    context.file = join(context.folder, 'audit.log');
    context.said = [];
  });
  afterEach(async () => {
    await Promise.all(open.splice(0).map((log) => log.close()));
    rmSync(context.folder, { recursive: true });
  });
  const say = (message: string, fields?: unknown) => void context.said.push(`${message} ${JSON.stringify(fields)}`);
  const logger: Logger = { error: say, warn: say, info: say, debug: say, isDebug: () => false };
  const openLog = async (options: Partial<AuditLogOptions> = {}): Promise<AuditLog> => {
    const log = await AuditLog.open({
      file: context.file,
      key: KEY,
      pseudonymise: false,
      retentionDays: undefined,
      required: false,
      redact: (text, maxCharacters) => text.slice(0, maxCharacters),
      logger,
      ...options,
    });
    open.push(log);
    return log;
  };
  /** Writes so many events with one log and closes it. */
  const write = async (count: number, options: Partial<AuditLogOptions> = {}): Promise<void> => {
    const log = await openLog(options);
    for (let index = 0; index < count; index += 1) log.record(event(index));
    await log.close();
  };
  return { context, logger, openLog, write };
}

export function event(index: number): AuditEvent {
  return {
    eventType: 'call',
    action: 'call',
    resource: `time/tool-${index}`,
    result: 'success',
    requestId: `r${index}`,
  };
}

export function linesOf(file: string): string[] {
  const text = readFileSync(file, 'utf8');
  return text === '' ? [] : text.replace(/\n$/, '').split('\n');
}

export function eventsOf(file: string): Record<string, unknown>[] {
  return linesOf(file).map((line) => JSON.parse(line) as Record<string, unknown>);
}
