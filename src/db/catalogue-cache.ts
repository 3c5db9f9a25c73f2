import { messageOf } from '../errors.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Database } from './open-database.ts';

/** The last good catalogue of each server, as JSON text. Failures are logged, and nothing is stored then. */
export class SqlCatalogueCache {
  readonly #open: () => Promise<Database | undefined>;
  readonly #logger: Logger;
  #saving: Promise<unknown> = Promise.resolve();

  /** While there is no database nothing is stored. */
  constructor(open: () => Promise<Database | undefined>, logger: Logger) {
    this.#open = open;
    this.#logger = logger;
  }

  /** What is stored for a server, if anything is. */
  load(server: string): Promise<string | undefined> {
    return this.#use(server, 'the cached list of tools could not be read', (database) => read(database, server));
  }

  /** Stores one; resolves, when it was written or could not be, to what was stored before. */
  save(server: string, content: string): Promise<string | undefined> {
    const row = { content, updated_at: new Date().toISOString() };
    const write = async (database: Database) => {
      const before = await read(database, server);
      await database
        .insertInto('catalogues')
        .values({ server, ...row })
        .onConflict((conflict) => conflict.column('server').doUpdateSet(row))
        .execute();
      return before;
    };
    const saved = this.#saving.then(() => this.#use(server, 'the list of tools could not be cached', write));
    this.#saving = saved;
    return saved;
  }

  /** Resolves when everything was written, before the database may be closed. */
  async flush(): Promise<void> {
    await this.#saving;
  }

  async #use(
    server: string,
    failure: string,
    work: (database: Database) => Promise<string | undefined>,
  ): Promise<string | undefined> {
    try {
      const database = await this.#open();
      return database && (await work(database));
    } catch (error) {
      this.#logger.warn(failure, { server, reason: messageOf(error) });
      return undefined;
    }
  }
}

async function read(database: Database, server: string): Promise<string | undefined> {
  const catalogues = database.selectFrom('catalogues').select('content');
  return (await catalogues.where('server', '=', server).executeTakeFirst())?.content;
}
