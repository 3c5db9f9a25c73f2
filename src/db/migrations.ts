import { setTimeout as delay } from 'node:timers/promises';
import { type Kysely, type Migration, Migrator, sql } from 'kysely';
import { errorCodeOf, isConflict } from './database-error.ts';

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
  // Text in the order of its bytes, whatever language PostgreSQL was set up for; SQLite knows no other order.
  const text = engine === 'postgres' ? 'text collate "C"' : 'text';
  const owner = `issuer ${text} not null, subject ${text} not null`;
  return {
    '0001-catalogues': run(
      'create table if not exists catalogues (server text primary key, content text not null, updated_at text not null)',
    ),
    '0002-api-keys': run(
      `create table if not exists api_keys (
        id text primary key, hash text not null unique, scopes text not null, user_issuer text, user_subject text,
        asserts_user integer not null, expires_at text, last_used_at text, created_at text not null)`,
      'create table if not exists revisions (name text primary key, revision integer not null)',
    ),
    '0003-vault': run(
      `create table if not exists secrets (
        ${owner}, server ${text} not null, name ${text} not null, version integer not null, key_id ${text} not null,
        cipher_text ${text} not null, last_four ${text}, updated_at bigint not null, last_used_at bigint,
        constraint secrets_place primary key (issuer, subject, server, name))`,
      `create table if not exists vault_keys (
        key_id ${text} primary key, check_value ${text} not null, created_at bigint not null)`,
      `create table if not exists setup_links (
        ${owner}, hash ${text} primary key, server ${text} not null, expires_at bigint not null, used_at bigint)`,
      `create table if not exists tool_uses (
        ${owner}, server ${text} not null, tool ${text} not null, last_used_at bigint not null, calls bigint not null,
        constraint tool_uses_place primary key (issuer, subject, server, tool))`,
      `create table if not exists refused_credentials (
        ${owner}, server ${text} not null, since bigint not null,
        constraint refused_credentials_place primary key (issuer, subject, server))`,
      `create table if not exists secret_changes (
        ${owner}, revision bigint primary key, server ${text}, changed_at bigint not null)`,
      'create index if not exists setup_links_owner on setup_links (issuer, subject)',
      'create index if not exists setup_links_expiry on setup_links (expires_at)',
      'create index if not exists secret_changes_owner on secret_changes (issuer, subject)',
      'create index if not exists secret_changes_time on secret_changes (changed_at)',
    ),
    '0004-audit-anchors': run(
      `create table if not exists audit_anchors (
        log text primary key, seq bigint not null, hmac text not null, mac text not null, noted_at bigint not null)`,
    ),
    '0005-erasures': run(
      'create table if not exists erased_users (user_hash text primary key, erased_at bigint not null)',
      'create table if not exists erasure_keys (id integer primary key, value text not null)',
    ),
    '0006-page-sessions': {
      up: async (database) => {
        const sessions = run(
          `create table if not exists page_sessions (
            hash ${text} primary key, issuer ${text}, subject ${text}, expires_at bigint not null)`,
          'create index if not exists page_sessions_owner on page_sessions (issuer, subject)',
          'create index if not exists page_sessions_expiry on page_sessions (expires_at)',
        );
        await sessions.up(database);
        if (engine === 'sqlite' && (await hasColumn(database, 'setup_links', 'profile'))) return;
        const condition = engine === 'postgres' ? 'if not exists ' : '';
        await run(`alter table setup_links add column ${condition}profile ${text}`).up(database);
      },
    },
    // Made anew: who is logged in logs in again. The defaults are for replicas of the former version.
    '0007-page-session-facts': run(
      'drop table if exists page_sessions',
      `create table page_sessions (
        hash ${text} primary key, issuer ${text}, subject ${text}, expires_at bigint not null,
        created_at bigint not null default 0, last_seen_at bigint not null default 0, way text not null default 'key',
        key_id ${text}, browser ${text}, provider_issuer ${text}, provider_subject ${text}, provider_sid ${text})`,
      'create index if not exists page_sessions_owner on page_sessions (issuer, subject)',
      'create index if not exists page_sessions_expiry on page_sessions (expires_at)',
      'create index if not exists page_sessions_provider on page_sessions (provider_issuer, provider_sid)',
      `create table if not exists used_ids (hash ${text} primary key, expires_at bigint not null)`,
      'create index if not exists used_ids_expiry on used_ids (expires_at)',
    ),
    '0008-user-profiles': run(
      `create table if not exists user_profiles (
        ${owner}, key_id ${text} not null, cipher_text ${text} not null, noted_at bigint not null,
        constraint user_profiles_place primary key (issuer, subject))`,
    ),
    '0009-identities': run(
      `create table if not exists identity_links (
        ${owner}, person_issuer ${text} not null, person_subject ${text} not null, linked_by ${text} not null,
        linked_at bigint not null, constraint identity_links_place primary key (issuer, subject))`,
      'create unique index if not exists identity_links_person on identity_links (person_issuer, person_subject, issuer)',
      `create table if not exists verified_emails (
        ${owner}, email_hash ${text} not null, noted_at bigint not null,
        constraint verified_emails_place primary key (issuer, subject))`,
      'create index if not exists verified_emails_hash on verified_emails (email_hash)',
    ),
    '0010-last-backup': run(
      `create table if not exists last_backup (
        id integer primary key, finished_at bigint not null, file ${text} not null, bytes bigint not null,
        row_count bigint not null)`,
    ),
  };
}

function run(...statements: readonly string[]): Migration {
  return {
    up: async (database) => {
      for (const statement of statements) await sql.raw(statement).execute(database);
    },
  };
}

/** Whether SQLite's table has the column already, as after a migration that was cut off. */
async function hasColumn(database: Kysely<unknown>, table: string, column: string): Promise<boolean> {
  const { rows } = await sql`select name from pragma_table_info(${table}) where name = ${column}`.execute(database);
  return rows.length > 0;
}

/** All migrations of this version, in their order. */
export const migrationNames: readonly string[] = Object.keys(toMigrations('sqlite'));

interface MigrationOptions {
  /** Where PostgreSQL puts tables; those that another program keeps in other schemas of the same database are left alone. */
  readonly schema?: string | undefined;
  /** The last one to apply, for tables of an earlier version. */
  readonly upTo?: string | undefined;
}

/** Applies what is missing, also when two replicas start at once. Throws when it cannot. */
export async function migrate<Tables>(
  database: Kysely<Tables>,
  engine: Engine,
  { schema, upTo }: MigrationOptions = {},
): Promise<void> {
  const migrator = new Migrator({
    db: database,
    provider: { getMigrations: async () => toMigrations(engine) },
    ...(schema === undefined ? {} : { migrationTableSchema: schema }),
  });
  const lastTryAt = Date.now() + MAX_WAIT_MS;
  for (let tries = 1; ; tries++) {
    const { error } = await (upTo === undefined ? migrator.migrateToLatest() : migrator.migrateTo(upTo));
    if (error === undefined) return;
    if (tries === MAX_TRIES || Date.now() > lastTryAt || !mayWorkLater(error, engine)) throw error;
    await delay(RETRY_MS);
  }
}

function mayWorkLater(error: unknown, engine: Engine): boolean {
  return engine === 'sqlite' || isConflict(error) || SIMULTANEOUS.has(errorCodeOf(error) ?? '');
}
