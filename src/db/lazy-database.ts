import type { Logger } from '../telemetry/logger.ts';
import type { KeptCatalogues } from './kept-catalogues.ts';
import type { Database } from './open-database.ts';

/** The database, opened when it is first asked for; the query layer is loaded then. */
export class LazyDatabase {
  readonly #dataDir: string;
  readonly #logger: Logger;
  #database: Promise<Database | undefined> | undefined;
  #catalogues: Promise<KeptCatalogues> | undefined;

  constructor(dataDir: string, logger: Logger) {
    this.#dataDir = dataDir;
    this.#logger = logger;
  }

  /** `undefined`, and said in the log once, when it cannot be opened: the service runs without it. */
  open(): Promise<Database | undefined> {
    this.#database ??= this.#open();
    return this.#database;
  }

  catalogues(): Promise<KeptCatalogues> {
    this.#catalogues ??= this.#openCatalogues();
    return this.#catalogues;
  }

  /** Writes what is on its way and closes; does not open it for that. */
  async close(): Promise<void> {
    await (await this.#catalogues)?.flush();
    await (await this.#database)?.destroy();
  }

  async #open(): Promise<Database | undefined> {
    const { openDatabase } = await import('./open-database.ts');
    try {
      return await openDatabase(this.#dataDir);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#logger.warn('without a database no lists of tools are kept and no keys are found there', { reason });
      return undefined;
    }
  }

  async #openCatalogues(): Promise<KeptCatalogues> {
    const { KeptCatalogues } = await import('./kept-catalogues.ts');
    return new KeptCatalogues(await this.open(), this.#logger);
  }
}
