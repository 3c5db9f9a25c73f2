import type { Logger } from '../telemetry/logger.ts';
import type { Database } from './open-database.ts';

/**
 * The last good catalogue of each server, as JSON text. A convenience that must cost nothing else: whatever fails is
 * logged, and then nothing is kept.
 */
export class KeptCatalogues {
  readonly #open: () => Promise<Database | undefined>;
  readonly #logger: Logger;
  #saving: Promise<unknown> = Promise.resolve();

  /** While there is no database nothing is kept. */
  constructor(open: () => Promise<Database | undefined>, logger: Logger) {
    this.#open = open;
    this.#logger = logger;
  }

  /** All that are kept, by server. */
  async load(): Promise<ReadonlyMap<string, string>> {
    try {
      const database = await this.#open();
      const rows = await database?.selectFrom('catalogues').select(['server', 'content']).execute();
      return new Map(rows?.map(({ server, content }) => [server, content]));
    } catch (error) {
      this.#logger.warn('the kept lists of tools could not be read', { reason: reasonOf(error) });
      return new Map();
    }
  }

  /** Keeps one; resolves, when it was written or could not be, to what was kept before. */
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
      const before = await database
        ?.selectFrom('catalogues')
        .select('content')
        .where('server', '=', server)
        .executeTakeFirst();
      await database
        ?.insertInto('catalogues')
        .values({ server, ...row })
        .onConflict((conflict) => conflict.column('server').doUpdateSet(row))
        .execute();
      return before?.content;
    } catch (error) {
      this.#logger.warn('the list of tools could not be kept', { server, reason: reasonOf(error) });
      return undefined;
    }
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
