/** The tables as the queries see them; `migrations.ts` makes them so. */
export interface Tables {
  readonly catalogues: {
    readonly server: string;
    /** JSON. */
    readonly content: string;
    /** ISO 8601, UTC. */
    readonly updated_at: string;
  };
  readonly api_keys: {
    readonly id: string;
    /** SHA-256 of the key, lower-case hex. */
    readonly hash: string;
    /** JSON list. */
    readonly scopes: string;
    readonly user_issuer: string | null;
    readonly user_subject: string | null;
    /** 0 or 1: SQLite has no other truth. */
    readonly asserts_user: number;
    /** ISO 8601, UTC, as are the others. */
    readonly expires_at: string | null;
    readonly last_used_at: string | null;
    readonly created_at: string;
  };
  /** How often a table has changed, so that whoever keeps a copy of it need not read it all to know. */
  readonly revisions: {
    readonly name: string;
    readonly revision: number;
  };
}
