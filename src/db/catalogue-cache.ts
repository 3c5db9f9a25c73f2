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
  async load(server: string): Promise<string | undefined> {
    try {
      return await read(await this.#open(), server);
    } catch (error) {
      this.#logger.warn('the cached list of tools could not be read', { server, reason: messageOf(error) });
      return undefined;
    }
  }

  /** Stores one; resolves, when it was written or could not be, to what was stored before. */
  save(server: string, content: string): Promise<string | undefined> {
    const saved = this.#saving.then(() => this.#save(server, content));
    this.#saving = saved;
    return saved;
  }

  /** Resolves when everything was written, before the database may be closed. */
  async flush(): Promise<void> {
    await this.#saving;
  }

  async #save(server: string, content: string): Promise<string | undefined> {
    const row = { content, updated_at: new Date().toISOString() };
    try {
      const database = await this.#open();
      const before = await read(database, server);
      await database
        ?.insertInto('catalogues')
        .values({ server, ...row })
        .onConflict((conflict) => conflict.column('server').doUpdateSet(row))
        .execute();
      return before;
    } catch (error) {
      this.#logger.warn('the list of tools could not be cached', { server, reason: messageOf(error) });
      return undefined;
    }
  }
}

async function read(database: Database | undefined, server: string): Promise<string | undefined> {
  const row = await database
    ?.selectFrom('catalogues')
    .select('content')
    .where('server', '=', server)
    .executeTakeFirst();
  return row?.content;
}
