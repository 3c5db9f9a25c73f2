import { access, readdir, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Logger } from '../telemetry/logger.ts';
import type { AuditFile } from './audit-file.ts';
import { reasonOf } from './reason-of.ts';

const DAY_MS = 24 * 3_600_000;

export interface DailyRotationOptions {
  readonly file: string;
  readonly retentionDays: number;
  readonly logger: Logger;
  readonly now: () => number;
}

/** Begins a new file each day (UTC), and removes those that are too old. */
export class DailyRotation {
  readonly #options: DailyRotationOptions;
  /** The day on which old files were looked for last. */
  #cleanedOn: string | undefined;

  constructor(options: DailyRotationOptions) {
    this.#options = options;
  }

  /** Does what is due now; returns the names of the files that it removed. Throws when the file cannot be renamed. */
  async run(current: AuditFile): Promise<readonly string[]> {
    const { file, retentionDays, logger, now } = this.#options;
    const today = new Date(now()).toISOString().slice(0, 10);
    if (current.day !== undefined && current.day < today) await current.moveTo(await rotatedName(file, current.day));
    if (this.#cleanedOn === today) return [];
    this.#cleanedOn = today;
    try {
      const removed = await removeOldFiles(file, retentionDays, now());
      if (removed.length > 0) logger.info('old audit logs removed', { files: removed });
      return removed;
    } catch (error) {
      logger.warn('old audit logs could not be removed', { reason: reasonOf(error) });
      return [];
    }
  }
}

/** The first free name for the lines of a day: `<file>.2025-12-31`, `<file>.2025-12-31.1` and so on. */
async function rotatedName(file: string, day: string): Promise<string> {
  for (let count = 0; ; count += 1) {
    const name = count === 0 ? `${file}.${day}` : `${file}.${day}.${count}`;
    const isTaken = await access(name).then(
      () => true,
      () => false,
    );
    if (!isTaken) return name;
  }
}

/**
 * Removes the files that the log itself rotated and whose day is more than `retentionDays` ago; returns their names
 * without folder, oldest first. Other programs' files are left alone: they are not named this way.
 */
async function removeOldFiles(file: string, retentionDays: number, now: number): Promise<string[]> {
  const folder = dirname(file);
  const base = basename(file);
  const removed: string[] = [];
  for (const name of (await readdir(folder)).sort()) {
    const day = name.startsWith(`${base}.`)
      ? /^(\d{4}-\d{2}-\d{2})(?:\.\d{1,6})?$/.exec(name.slice(base.length + 1))?.[1]
      : undefined;
    if (day === undefined) continue;
    const endOfDay = Date.parse(`${day}T00:00:00Z`) + DAY_MS;
    if (!(now - endOfDay >= retentionDays * DAY_MS)) continue;
    await rm(join(folder, name));
    removed.push(name);
  }
  return removed;
}
