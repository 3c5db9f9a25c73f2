import type { PostgresPool, PostgresPoolClient } from 'kysely';
import pg from 'pg';

/** Connections of one replica: PostgreSQL allows a hundred in all unless configured otherwise. */
const MAX_CONNECTIONS = 10;
const CONNECT_TIMEOUT_MS = 5_000;
/** Longest statement; PostgreSQL gives up first, so that the connection is not lost over it. */
const STATEMENT_TIMEOUT_MS = 10_000;
const ANSWER_TIMEOUT_MS = 12_000;

/** SQLSTATEs after which a connection is useless: the server shuts down, or has become a read-only copy. */
const LAST_WORDS = /^(08|57P|25006)/;

/** PostgreSQL's number for `bigint`, which `pg` gives as text. */
const BIGINT = 20;

/**
 * Connections to the database of a URL, made when they are needed and again when they were lost. Nothing is connected
 * yet. Throws for a URL that cannot be used.
 */
export function openPostgres(databaseUrl: string): PostgresPool {
  const pool = new pg.Pool({
    ...clientOptions(databaseUrl, CONNECT_TIMEOUT_MS),
    statement_timeout: STATEMENT_TIMEOUT_MS,
    query_timeout: ANSWER_TIMEOUT_MS,
    max: MAX_CONNECTIONS,
    allowExitOnIdle: true,
  });
  // The query that uses the connection rejects. Without listeners a lost connection would end the process.
  pool.on('error', ignore);
  pool.on('connect', (client) => client.on('error', ignore));
  return {
    connect: async () => toConnection(await pool.connect()),
    end: () => pool.end(),
  };
}

/** What `pg` needs to connect, with the parameters of the URL, TLS among them. */
export function clientOptions(databaseUrl: string, connectionTimeoutMillis: number): pg.ClientConfig {
  return {
    connectionString: withoutWarning(databaseUrl),
    connectionTimeoutMillis,
    keepAlive: true,
    application_name: 'mcpo-ts',
    types: { getTypeParser },
  };
}

/** A connection that is used no more, not even for a rollback, once it was lost. */
function toConnection(client: pg.PoolClient): PostgresPoolClient {
  let loss: unknown;
  const query = async (text: string, values: readonly unknown[]): Promise<pg.QueryResult> => {
    if (loss !== undefined) throw loss;
    try {
      return await client.query(text, [...values]);
    } catch (error) {
      if (isLoss(error)) loss = error;
      throw error;
    }
  };
  // Without the second form, for a cursor, which is not used.
  return { query: query as unknown as PostgresPoolClient['query'], release: () => client.release(loss !== undefined) };
}

/** Anything but an answer of PostgreSQL: what the connection would answer next is unknown. */
function isLoss(error: unknown): boolean {
  return !(error instanceof pg.DatabaseError) || LAST_WORDS.test(error.code ?? '');
}

function getTypeParser(type: number, format?: 'text' | 'binary') {
  return type === BIGINT && format !== 'binary' ? Number : pg.types.getTypeParser(type, format);
}

/** `pg` checks the certificate for each of these modes and warns that it may change that. Here it is intended. */
function withoutWarning(databaseUrl: string): string {
  const isAsInLibpq = /[?&]uselibpqcompat=true(&|$)/.test(databaseUrl);
  return isAsInLibpq
    ? databaseUrl
    : databaseUrl.replace(/([?&]sslmode=)(prefer|require|verify-ca)(?=&|$)/, '$1verify-full');
}

function ignore(): void {}
