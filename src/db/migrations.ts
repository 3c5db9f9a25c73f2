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
  '0002-api-keys': {
    up: async (database) => {
      await database.schema
        .createTable('api_keys')
        .ifNotExists()
        .addColumn('id', 'text', (column) => column.primaryKey())
        .addColumn('hash', 'text', (column) => column.notNull().unique())
        .addColumn('scopes', 'text', (column) => column.notNull())
        .addColumn('user_issuer', 'text')
        .addColumn('user_subject', 'text')
        .addColumn('asserts_user', 'integer', (column) => column.notNull())
        .addColumn('expires_at', 'text')
        .addColumn('last_used_at', 'text')
        .addColumn('created_at', 'text', (column) => column.notNull())
        .execute();
      await database.schema
        .createTable('revisions')
        .ifNotExists()
        .addColumn('name', 'text', (column) => column.primaryKey())
        .addColumn('revision', 'integer', (column) => column.notNull())
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
