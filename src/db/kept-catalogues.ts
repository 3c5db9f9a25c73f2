import type { Database } from './open-database.ts';

/** The last good catalogue of each server, as JSON text. */
export class KeptCatalogues {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** All that are kept, by server. */
  async load(): Promise<ReadonlyMap<string, string>> {
    const rows = await this.#database.selectFrom('catalogues').select(['server', 'content']).execute();
    return new Map(rows.map(({ server, content }) => [server, content]));
  }

  async save(server: string, content: string): Promise<void> {
    const row = { content, updated_at: new Date().toISOString() };
    await this.#database
      .insertInto('catalogues')
      .values({ server, ...row })
      .onConflict((conflict) => conflict.column('server').doUpdateSet(row))
      .execute();
  }
}
