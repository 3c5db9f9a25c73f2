import { setTimeout as delay } from 'node:timers/promises';
import {
  type ColumnDefinitionBuilder,
  type Kysely,
  type Migration,
  Migrator,
  type RawBuilder,
  type SchemaModule,
  sql,
} from 'kysely';
import { errorCodeOf } from './database-reason.ts';
import { isConflict } from './retry-conflicts.ts';

export type Engine = 'sqlite' | 'postgres';

/** SQLite takes no lock over a whole migration: the loser of two at once tries again when the winner is done. */
const MAX_TRIES = 20;
const RETRY_MS = 50;
/** Another try that begins later would hold up a start for too long. */
const MAX_WAIT_MS = 15_000;

/** PostgreSQL's words for a table that another replica is making now, and for waiting too long for it. */
const SIMULTANEOUS = new Set(['23505', '42P07', '42710', '57014', '55P03']);

/** In the order of their names; one that was released is never changed. Each can be run again after it was cut off. */
function toMigrations(engine: Engine): Readonly<Record<string, Migration>> {
  return {
    '0001-catalogues': {
      up: async ({ schema }) => {
        await schema
          .createTable('catalogues')
          .ifNotExists()
          .addColumn('server', 'text', (column) => column.primaryKey())
          .addColumn('content', 'text', (column) => column.notNull())
          .addColumn('updated_at', 'text', (column) => column.notNull())
          .execute();
      },
    },
    '0002-api-keys': {
      up: async ({ schema }) => {
        await schema
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
        await schema
          .createTable('revisions')
          .ifNotExists()
          .addColumn('name', 'text', (column) => column.primaryKey())
          .addColumn('revision', 'integer', (column) => column.notNull())
          .execute();
      },
    },
    '0003-vault': {
      up: async ({ schema }) => {
        await makeVaultTables(schema, orderedText(engine));
        await makeVaultIndexes(schema);
      },
    },
    '0004-audit-anchors': {
      up: async ({ schema }) => {
        await schema
          .createTable('audit_anchors')
          .ifNotExists()
          .addColumn('log', 'text', (column) => column.primaryKey())
          .addColumn('seq', 'bigint', notNull)
          .addColumn('hmac', 'text', notNull)
          .addColumn('mac', 'text', notNull)
          .addColumn('noted_at', 'bigint', notNull)
          .execute();
      },
    },
    '0005-erasures': {
      up: async ({ schema }) => {
        await schema
          .createTable('erased_users')
          .ifNotExists()
          .addColumn('user_hash', 'text', (column) => column.primaryKey())
          .addColumn('erased_at', 'bigint', notNull)
          .execute();
        await schema
          .createTable('erasure_keys')
          .ifNotExists()
          .addColumn('id', 'integer', (column) => column.primaryKey())
          .addColumn('value', 'text', notNull)
          .execute();
      },
    },
    '0006-page-sessions': {
      up: async (database) => {
        await makePageSessions(database.schema, orderedText(engine));
        await addTextColumn(database, engine, 'setup_links', 'profile');
      },
    },
  };
}

async function makeVaultTables(schema: SchemaModule, text: RawBuilder<string>): Promise<void> {
  const table = (name: string) => schema.createTable(name).ifNotExists();
  const ownedTable = (name: string) =>
    table(name).addColumn('issuer', text, notNull).addColumn('subject', text, notNull);

  await ownedTable('secrets')
    .addColumn('server', text, notNull)
    .addColumn('name', text, notNull)
    .addColumn('version', 'integer', notNull)
    .addColumn('key_id', text, notNull)
    .addColumn('cipher_text', text, notNull)
    .addColumn('last_four', text)
    .addColumn('updated_at', 'bigint', notNull)
    .addColumn('last_used_at', 'bigint')
    .addPrimaryKeyConstraint('secrets_place', ['issuer', 'subject', 'server', 'name'])
    .execute();
  await table('vault_keys')
    .addColumn('key_id', text, (column) => column.primaryKey())
    .addColumn('check_value', text, notNull)
    .addColumn('created_at', 'bigint', notNull)
    .execute();
  await ownedTable('setup_links')
    .addColumn('hash', text, (column) => column.primaryKey())
    .addColumn('server', text, notNull)
    .addColumn('expires_at', 'bigint', notNull)
    .addColumn('used_at', 'bigint')
    .execute();
  await ownedTable('tool_uses')
    .addColumn('server', text, notNull)
    .addColumn('tool', text, notNull)
    .addColumn('last_used_at', 'bigint', notNull)
    .addColumn('calls', 'bigint', notNull)
    .addPrimaryKeyConstraint('tool_uses_place', ['issuer', 'subject', 'server', 'tool'])
    .execute();
  await ownedTable('refused_credentials')
    .addColumn('server', text, notNull)
    .addColumn('since', 'bigint', notNull)
    .addPrimaryKeyConstraint('refused_credentials_place', ['issuer', 'subject', 'server'])
    .execute();
  await ownedTable('secret_changes')
    .addColumn('revision', 'bigint', (column) => column.primaryKey())
    .addColumn('server', text)
    .addColumn('changed_at', 'bigint', notNull)
    .execute();
}

async function makeVaultIndexes(schema: SchemaModule): Promise<void> {
  const index = (name: string, table: string, columns: readonly string[]) =>
    schema
      .createIndex(name)
      .ifNotExists()
      .on(table)
      .columns([...columns])
      .execute();
  await index('setup_links_owner', 'setup_links', ['issuer', 'subject']);
  await index('setup_links_expiry', 'setup_links', ['expires_at']);
  await index('secret_changes_owner', 'secret_changes', ['issuer', 'subject']);
  await index('secret_changes_time', 'secret_changes', ['changed_at']);
}

async function makePageSessions(schema: SchemaModule, text: RawBuilder<string>): Promise<void> {
  const index = (name: string) => schema.createIndex(name).ifNotExists().on('page_sessions');
  await schema
    .createTable('page_sessions')
    .ifNotExists()
    .addColumn('hash', text, (column) => column.primaryKey())
    .addColumn('issuer', text)
    .addColumn('subject', text)
    .addColumn('expires_at', 'bigint', notNull)
    .execute();
  await index('page_sessions_owner').columns(['issuer', 'subject']).execute();
  await index('page_sessions_expiry').column('expires_at').execute();
}

/** Adds a column of text unless it is there, as after a migration that was cut off. */
async function addTextColumn(database: Kysely<unknown>, engine: Engine, table: string, column: string): Promise<void> {
  if (engine === 'postgres') {
    await sql`alter table ${sql.table(table)} add column if not exists ${sql.ref(column)} ${orderedText(engine)}`.execute(
      database,
    );
    return;
  }
  const { rows } = await sql`select name from pragma_table_info(${table}) where name = ${column}`.execute(database);
  if (rows.length === 0) await database.schema.alterTable(table).addColumn(column, orderedText(engine)).execute();
}

function notNull(column: ColumnDefinitionBuilder): ColumnDefinitionBuilder {
  return column.notNull();
}

/** Text in the order of its bytes, whatever language PostgreSQL was set up for; SQLite knows no other order. */
function orderedText(engine: Engine): RawBuilder<string> {
  return engine === 'postgres' ? sql`text collate "C"` : sql`text`;
}

/**
 * Applies what is missing, also when two replicas start at once. `schema`: where PostgreSQL puts tables; those that
 * another program keeps in other schemas of the same database are left alone. Throws when it cannot.
 */
export async function migrate<Tables>(database: Kysely<Tables>, engine: Engine, schema?: string): Promise<void> {
  const migrator = new Migrator({
    db: database,
    provider: { getMigrations: async () => toMigrations(engine) },
    ...(schema === undefined ? {} : { migrationTableSchema: schema }),
  });
  const lastTryAt = Date.now() + MAX_WAIT_MS;
  for (let tries = 1; ; tries++) {
    const { error } = await migrator.migrateToLatest();
    if (error === undefined) return;
    if (tries === MAX_TRIES || Date.now() > lastTryAt || !mayWorkLater(error, engine)) throw error;
    await delay(RETRY_MS);
  }
}

function mayWorkLater(error: unknown, engine: Engine): boolean {
  return engine === 'sqlite' || isConflict(error) || SIMULTANEOUS.has(errorCodeOf(error) ?? '');
}
