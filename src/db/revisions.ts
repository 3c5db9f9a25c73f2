import { sql } from 'kysely';
import type { Database } from './open-database.ts';

/** What is counted: how often a table has changed, so that holders of a copy need not read all of it to know. */
type Counted = 'api_keys' | 'secrets';

/** The number of the last change; 0 before the first. */
export async function readRevision(database: Database, name: Counted): Promise<number> {
  const row = await database.selectFrom('revisions').select('revision').where('name', '=', name).executeTakeFirst();
  return row?.revision ?? 0;
}

/** Adds changes, 0 to hold the row until the end of the transaction. */
export async function addToRevision(transaction: Database, name: Counted, count: number): Promise<void> {
  // Without `returning`: a statement with it that met another writer would be left open by the SQLite driver.
  await transaction
    .insertInto('revisions')
    .values({ name, revision: count })
    .onConflict((conflict) =>
      conflict.column('name').doUpdateSet({ revision: sql<number>`${sql.ref('revisions.revision')} + ${count}` }),
    )
    .execute();
}
