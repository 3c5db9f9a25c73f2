import { lstatSync, type Stats, statSync } from 'node:fs';
import { databaseFile } from '../db/database-file.ts';
import { type Finding, unknown } from './check.ts';
import type { Subject } from './subject.ts';

const AS_SERVICE = 'Run this as the user of the service.';

/** What a path is; `closed`: this user may not look. */
export function statsOf(path: string): Stats | 'missing' | 'closed' {
  try {
    lstatSync(path);
    return statSync(path);
  } catch (error) {
    return ['EACCES', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '') ? 'closed' : 'missing';
  }
}

/** A finding for what this user may not look at. */
export function notSeen(...paths: readonly string[]): Finding {
  return unknown(`${paths.join(', ')}: this user may not look at ${paths.length === 1 ? 'it' : 'them'}.`, AS_SERVICE);
}

/** Whether there is a database: PostgreSQL counts as one, whether it answers or not. */
export function databaseState({
  secrets,
  dataDir,
}: Pick<Subject, 'secrets' | 'dataDir'>): 'missing' | 'closed' | 'there' {
  if (secrets.databaseUrl !== undefined) return 'there';
  const stats = statsOf(databaseFile(dataDir));
  return typeof stats === 'string' ? stats : 'there';
}
