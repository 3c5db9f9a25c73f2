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

/**
 * Opens the embedded database in `dataDir`, created with mode 0700 if it does not exist. Rejects with the system's own
 * error, and with `SQLITE_BUSY` when another process keeps the file locked; the service goes on while this waits.
 */
export async function openSqlite(dataDir: string): Promise<Dialect> {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  return new PatientSqliteDialect(await PatientSqlite.open(join(dataDir, DATABASE_FILE)));
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

  private constructor(file: string, open: SqliteFile.Database) {
    this.#file = file;
    this.#open = open;
  }

  /** Waits for a process that has locked the file. Rejects with `SQLITE_BUSY` after `BUSY_TIMEOUT_MS`. */
  static async open(file: string): Promise<PatientSqlite> {
    const opened = openFile(file);
    try {
      await retryWhileBusy(() => opened.pragma('journal_mode = wal'));
      return new PatientSqlite(file, opened);
    } catch (error) {
      opened.close();
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
    const opened = openFile(this.#file);
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
    // The same statement each time, see `giveUp`.
    let statement: SqliteStatement | undefined;
    try {
      return await retryWhileBusy(() => {
        statement ??= this.#sqlite.prepare(sql);
        return execute<Row>(statement, parameters);
      });
    } catch (error) {
      if (isBusy(error)) this.#sqlite.giveUp();
      throw error;
    }
  }

  streamQuery<Row>(query: CompiledQuery, chunkSize?: number): AsyncIterableIterator<QueryResult<Row>> {
    return this.#connection.streamQuery<Row>(query, chunkSize);
  }
}

function openFile(file: string): SqliteFile.Database {
  const opened = new SqliteFile(file);
  try {
    chmodSync(file, 0o600);
    // What is deleted is overwritten with zeros.
    opened.pragma('secure_delete = on');
    opened.pragma(`busy_timeout = ${BLOCKING_TIMEOUT_MS}`);
    return opened;
  } catch (error) {
    opened.close();
    throw error;
  }
}

/** Runs `work` again while another process has locked the file. Rejects with its last error after `BUSY_TIMEOUT_MS`. */
async function retryWhileBusy<Result>(work: () => Result): Promise<Result> {
  const end = Date.now() + BUSY_TIMEOUT_MS;
  for (;;) {
    try {
      return work();
    } catch (error) {
      if (!isBusy(error) || Date.now() > end) throw error;
      // Jitter, so that none of several that wait starves.
      await delay(MAX_RETRY_MS * Math.random());
    }
  }
}

function isBusy(error: unknown): boolean {
  return errorCodeOf(error) === 'SQLITE_BUSY';
}

function execute<Row>(statement: SqliteStatement, parameters: readonly unknown[]): QueryResult<Row> {
  if (statement.reader) return { rows: statement.all(parameters) as Row[] };
  const { changes } = statement.run(parameters);
  return { rows: [], numAffectedRows: BigInt(changes) };
}
