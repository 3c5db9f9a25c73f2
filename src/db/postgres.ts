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

interface PostgresConnection {
  query<Row>(text: string, values: readonly unknown[]): Promise<Answer<Row>>;
  release(): void;
}

export interface PostgresConnections {
  connect(): Promise<PostgresConnection>;
  end(): Promise<void>;
}

interface Answer<Row> {
  readonly command: 'UPDATE' | 'DELETE' | 'INSERT' | 'SELECT' | 'MERGE';
  readonly rowCount: number;
  rows: Row[];
}

/**
 * Connections to the database of a URL, made when they are needed and again when they were lost. Nothing is connected
 * yet. Throws for a URL that cannot be used.
 */
export function openPostgres(databaseUrl: string): PostgresConnections {
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
    connect: async () => new PooledConnection(await pool.connect()),
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

class PooledConnection implements PostgresConnection {
  readonly #client: pg.PoolClient;
  #loss: Error | undefined;

  constructor(client: pg.PoolClient) {
    this.#client = client;
  }

  async query<Row>(text: string, values: readonly unknown[]): Promise<Answer<Row>> {
    // Not even a rollback: it would wait for an answer once more.
    if (this.#loss !== undefined) throw this.#loss;
    try {
      return (await this.#client.query(text, [...values])) as unknown as Answer<Row>;
    } catch (error) {
      if (isLoss(error)) this.#loss = error instanceof Error ? error : new Error('the connection was lost');
      throw error;
    }
  }

  release(): void {
    this.#client.release(this.#loss !== undefined);
  }
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
