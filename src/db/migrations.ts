import { setTimeout as delay } from 'node:timers/promises';
import { type Kysely, type Migration, Migrator } from 'kysely';

/** SQLite takes no lock over a whole migration: the loser of two at once tries again when the winner is done. */
const MAX_TRIES = 20;
const RETRY_MS = 50;

/** In the order of their names; one that was released is never changed. Each can be run again after it was cut off. */
const MIGRATIONS: Readonly<Record<string, Migration>> = {
  '0001-catalogues': {
    up: async (database) => {
      await database.schema
        .createTable('catalogues')
        .ifNotExists()
        .addColumn('server', 'text', (column) => column.primaryKey())
        .addColumn('content', 'text', (column) => column.notNull())
        .addColumn('updated_at', 'text', (column) => column.notNull())
        .execute();
    },
  },
};

/** Applies what is missing, also when two replicas start at once. Throws when it cannot. */
export async function migrate<Tables>(database: Kysely<Tables>): Promise<void> {
  const migrator = new Migrator({ db: database, provider: { getMigrations: async () => MIGRATIONS } });
  for (let tries = 1; ; tries++) {
    const { error } = await migrator.migrateToLatest();
    if (error === undefined) return;
    if (tries === MAX_TRIES) throw error;
    await delay(RETRY_MS);
  }
}
