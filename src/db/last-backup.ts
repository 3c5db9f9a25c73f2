import type { Database } from './open-database.ts';

/** The last backup of this database that succeeded. */
export interface LastBackup {
  /** Milliseconds since the epoch. */
  readonly finishedAt: number;
  /** The path on the machine that made it; `-` for standard output. */
  readonly file: string;
  /** Of the encrypted file. */
  readonly bytes: number;
  /** In all tables. */
  readonly rows: number;
}

/** Records a backup, for `doctor` and the metrics. Rejects with the driver's error. */
export async function noteBackup(database: Database, { finishedAt, file, bytes, rows }: LastBackup): Promise<void> {
  const row = { finished_at: finishedAt, file, bytes, row_count: rows };
  await database
    .insertInto('last_backup')
    .values({ id: 1, ...row })
    .onConflict((conflict) => conflict.column('id').doUpdateSet(row))
    .execute();
}

/** `undefined` before the first one. Rejects with the driver's error. */
export async function readLastBackup(database: Database): Promise<LastBackup | undefined> {
  const row = await database.selectFrom('last_backup').selectAll().where('id', '=', 1).executeTakeFirst();
  if (row === undefined) return undefined;
  const { finished_at: finishedAt, file, bytes, row_count: rows } = row;
  return { finishedAt, file, bytes, rows };
}
