import { chmodSync, mkdirSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import {
  CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type QueryResult,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
  type TransactionSettings,
} from 'kysely';
import SqliteFile from 'libsql';
import { errorCodeOf } from './database-error.ts';
import { databaseFile } from './database-file.ts';

/** How long a statement waits for another process that is writing. */
const BUSY_TIMEOUT_MS = 5_000;
/** How much of that may hold up the whole service: the driver blocks while it waits. */
const BLOCKING_TIMEOUT_MS = 10;
const MAX_RETRY_MS = 20;

/** Only at its beginning can a transaction that writes wait for another without having to be given up. */
const BEGIN = CompiledQuery.raw('begin immediate');
/** Holds up no writer: it reads the database as it was at its first statement. */
const BEGIN_READING = CompiledQuery.raw('begin deferred');
const COMMIT = CompiledQuery.raw('commit');
const ROLLBACK = CompiledQuery.raw('rollback');

/**
 * Opens the embedded database in `dataDir`, created with mode 0700 if it does not exist. Rejects with the system's own
 * error, and with `SQLITE_BUSY` when another process keeps the file locked; the service keeps running while this waits.
 */
export async function openSqlite(dataDir: string): Promise<Dialect> {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const file = databaseFile(dataDir);
  const opened = openFile(file);
  try {
    await retryWhileBusy(() => opened.pragma('journal_mode = wal'));
    return {
      createDriver: () => new RetryingSqliteDriver(file, opened),
      createAdapter: () => new SqliteAdapter(),
      createIntrospector: (database) => new SqliteIntrospector(database),
      createQueryCompiler: () => new SqliteQueryCompiler(),
    };
  } catch (error) {
    opened.close();
    throw error;
  }
}

/**
 * The file, lent to one at a time. A statement that finds it locked by another process is tried again: it has done
 * nothing, and the service keeps running meanwhile.
 */
class RetryingSqliteDriver implements Driver, DatabaseConnection {
  readonly #file: string;
  #opened: SqliteFile.Database;
  #needsReopening = false;
  #turn: Promise<void> = Promise.resolve();
  #endTurn: () => void = () => undefined;

  constructor(file: string, opened: SqliteFile.Database) {
    this.#file = file;
    this.#opened = opened;
  }

  async init(): Promise<void> {}

  async acquireConnection(): Promise<DatabaseConnection> {
    const before = this.#turn;
    let endTurn = () => {};
    this.#turn = new Promise((resolve) => {
      endTurn = resolve;
    });
    await before;
    this.#endTurn = endTurn;
    try {
      if (this.#needsReopening) this.#reopen();
      return this;
    } catch (error) {
      endTurn();
      throw error;
    }
  }

  async releaseConnection(): Promise<void> {
    this.#endTurn();
  }

  async beginTransaction(_connection: DatabaseConnection, { accessMode }: TransactionSettings): Promise<void> {
    await this.executeQuery(accessMode === 'read only' ? BEGIN_READING : BEGIN);
  }

  async commitTransaction(): Promise<void> {
    await this.executeQuery(COMMIT);
  }

  /** Never rejects: SQLite may have rolled back by itself, and what went wrong before is what matters. */
  async rollbackTransaction(): Promise<void> {
    await this.executeQuery(ROLLBACK).catch(() => {
      this.#needsReopening = true;
    });
  }

  async executeQuery<Row>({ sql, parameters }: CompiledQuery): Promise<QueryResult<Row>> {
    // The same statement each time: one that met a lock stays under way, and nothing can be committed beside it.
    let statement: SqliteFile.Statement | undefined;
    try {
      return await retryWhileBusy(() => {
        statement ??= this.#opened.prepare(sql);
        return execute<Row>(statement, parameters);
      });
    } catch (error) {
      if (isBusy(error)) this.#needsReopening = true;
      throw error;
    }
  }

  streamQuery(): AsyncIterableIterator<never> {
    throw new Error('The embedded database is not read in a stream.');
  }

  async destroy(): Promise<void> {
    this.#opened.close();
  }

  #reopen(): void {
    const opened = openFile(this.#file);
    this.#opened.close();
    this.#opened = opened;
    this.#needsReopening = false;
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
      // Jitter avoids starvation.
      await delay(MAX_RETRY_MS * Math.random());
    }
  }
}

function isBusy(error: unknown): boolean {
  return errorCodeOf(error) === 'SQLITE_BUSY';
}

function execute<Row>(statement: SqliteFile.Statement, parameters: readonly unknown[]): QueryResult<Row> {
  if (statement.reader) return { rows: statement.all(parameters) as Row[] };
  const { changes } = statement.run(parameters);
  return { rows: [], numAffectedRows: BigInt(changes) };
}
