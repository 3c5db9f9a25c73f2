import { setTimeout as delay } from 'node:timers/promises';
import { errorCodeOf } from './database-reason.ts';

const MAX_TRIES = 8;
const FIRST_DELAY_MS = 5;

/** What a database says when another transaction was in the way and nothing of this one was done. */
const CONFLICTS = new Set(['40001', '40P01', 'SQLITE_BUSY_SNAPSHOT']);

/** Runs a transaction, again within bounds where it met another one. Rejects with the database's own error. */
export async function retryConflicts<Result>(run: () => Promise<Result>): Promise<Result> {
  for (let tries = 1; ; tries++) {
    try {
      return await run();
    } catch (error) {
      if (tries === MAX_TRIES || !isConflict(error)) throw error;
      // By chance, so that two that met do not meet again.
      await delay(FIRST_DELAY_MS * 2 ** tries * Math.random());
    }
  }
}

export function isConflict(error: unknown): boolean {
  return CONFLICTS.has(errorCodeOf(error) ?? '');
}
