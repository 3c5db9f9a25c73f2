import { existsSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Logger } from '../telemetry/logger.ts';
import { reasonOf } from './audit-event.ts';

const DAY_MS = 24 * 3_600_000;

/** The first free name for the lines of a day: `<file>.2025-12-31`, `<file>.2025-12-31.1` and so on. */
export function rotatedName(file: string, day: string): string {
  for (let count = 0; ; count += 1) {
    const name = count === 0 ? `${file}.${day}` : `${file}.${day}.${count}`;
    if (!existsSync(name)) return name;
  }
}

/**
 * Removes the files that the log itself rotated and whose day is more than `retentionDays` ago; returns their names
 * without folder, oldest first. Files of other programs are left alone: they are not named this way. Never rejects.
 */
export async function removeOldFiles(
  file: string,
  retentionDays: number,
  now: number,
  logger: Logger,
): Promise<readonly string[]> {
  const folder = dirname(file);
  const prefix = `${basename(file)}.`;
  const removed: string[] = [];
  try {
    for (const name of (await readdir(folder)).sort()) {
      const suffix = name.startsWith(prefix) ? name.slice(prefix.length) : '';
      const day = /^(\d{4}-\d{2}-\d{2})(?:\.\d{1,6})?$/.exec(suffix)?.[1];
      const endOfDay = Date.parse(`${day}T00:00:00Z`) + DAY_MS;
      if (!(now - endOfDay >= retentionDays * DAY_MS)) continue;
      await rm(join(folder, name));
      removed.push(name);
    }
    if (removed.length > 0) logger.info('old audit logs removed', { files: removed });
  } catch (error) {
    logger.warn('old audit logs could not be removed', { reason: reasonOf(error) });
  }
  return removed;
}
