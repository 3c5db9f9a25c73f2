import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import {
  CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type QueryResult,
  type SqliteDatabase,
  SqliteDialect,
  type SqliteStatement,
} from 'kysely';
import SqliteFile from 'libsql';
import { DATABASE_FILE } from './database-file.ts';
import { errorCodeOf } from './database-reason.ts';

/** How long a statement waits for another process that is writing. */
const BUSY_TIMEOUT_MS = 5_000;
/** How much of that may hold up the whole service: the driver waits where it stands. */
const BLOCKING_TIMEOUT_MS = 10;
const MAX_RETRY_MS = 20;

/** Every transaction here writes, and only at its beginning can it wait for another without having to be given up. */
const BEGIN = CompiledQuery.raw('begin immediate');

/** The embedded database in `dataDir`, made with mode 0700 if it is not there. Throws the system's own error. */
export function openSqlite(dataDir: string): Dialect {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  return new PatientSqliteDialect(new PatientSqlite(join(dataDir, DATABASE_FILE)));
}

class PatientSqliteDialect extends SqliteDialect {
  readonly #sqlite: PatientSqlite;

  constructor(sqlite: PatientSqlite) {
    super({ database: sqlite });
    this.#sqlite = sqlite;
  }

  override createDriver(): Driver {
    const driver = super.createDriver();
    const acquire = driver.acquireConnection.bind(driver);
    // The driver lends its only connection to one at a time.
    driver.acquireConnection = async () => {
      const connection = await acquire();
      try {
        this.#sqlite.renew();
      } catch (error) {
        await driver.releaseConnection(connection);
        throw error;
      }
      return new PatientConnection(this.#sqlite, connection);
    };
    driver.beginTransaction = async (connection) => {
      await connection.executeQuery(BEGIN);
    };
    return driver;
  }
}

/** The file, opened anew after a statement was given up. */
class PatientSqlite implements SqliteDatabase {
  readonly #file: string;
  #open: SqliteFile.Database;
  #isStuck = false;

  constructor(file: string) {
    this.#file = file;
    this.#open = openFile(file, BUSY_TIMEOUT_MS);
    try {
      this.#open.pragma('journal_mode = wal');
      this.#open.pragma(`busy_timeout = ${BLOCKING_TIMEOUT_MS}`);
    } catch (error) {
      this.#open.close();
      throw error;
    }
  }

  prepare(text: string): SqliteStatement {
    return this.#open.prepare(text) as unknown as SqliteStatement;
  }

  close(): void {
    this.#open.close();
  }

  /** A statement that found the file locked stays under way, and then nothing more can be committed beside it. */
  giveUp(): void {
    this.#isStuck = true;
  }

  renew(): void {
    if (!this.#isStuck) return;
    const opened = openFile(this.#file, BLOCKING_TIMEOUT_MS);
    this.#open.close();
    this.#open = opened;
    this.#isStuck = false;
  }
}

/** Tries a statement again while another process is writing: it has done nothing then, and the service goes on meanwhile. */
class PatientConnection implements DatabaseConnection {
  readonly #sqlite: PatientSqlite;
  readonly #connection: DatabaseConnection;

  constructor(sqlite: PatientSqlite, connection: DatabaseConnection) {
    this.#sqlite = sqlite;
    this.#connection = connection;
  }

  async executeQuery<Row>({ sql, parameters }: CompiledQuery): Promise<QueryResult<Row>> {
    const statement = this.#sqlite.prepare(sql);
    const end = Date.now() + BUSY_TIMEOUT_MS;
    for (;;) {
      try {
        return execute<Row>(statement, parameters);
      } catch (error) {
        if (errorCodeOf(error) !== 'SQLITE_BUSY') throw error;
        if (Date.now() > end) {
          this.#sqlite.giveUp();
          throw error;
        }
        // The same statement again, see `giveUp`; by chance, so that of several none waits longest each time.
        await delay(MAX_RETRY_MS * Math.random());
      }
    }
  }

  streamQuery<Row>(query: CompiledQuery, chunkSize?: number): AsyncIterableIterator<QueryResult<Row>> {
    return this.#connection.streamQuery<Row>(query, chunkSize);
  }
}

function openFile(file: string, busyTimeoutMs: number): SqliteFile.Database {
  const opened = new SqliteFile(file);
  try {
    chmodSync(file, 0o600);
    opened.pragma(`busy_timeout = ${busyTimeoutMs}`);
    return opened;
  } catch (error) {
    opened.close();
    throw error;
  }
}

function execute<Row>(statement: SqliteStatement, parameters: readonly unknown[]): QueryResult<Row> {
  if (statement.reader) return { rows: statement.all(parameters) as Row[] };
  const { changes } = statement.run(parameters);
  return { rows: [], numAffectedRows: BigInt(changes) };
}
