/** The tables as the queries see them; `migrations.ts` makes them so. */
export interface Tables {
  readonly catalogues: {
    readonly server: string;
    /** JSON. */
    readonly content: string;
    /** ISO 8601, UTC. */
    readonly updated_at: string;
  };
}
