import type { LogInWay } from '../auth/page-sessions.ts';

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
  readonly revisions: {
    readonly name: string;
    readonly revision: number;
  };
  /** Times of this table and of those below are milliseconds since the epoch. */
  readonly secrets: OwnerColumns & {
    readonly server: string;
    readonly name: string;
    readonly version: number;
    readonly key_id: string;
    readonly cipher_text: string;
    readonly last_four: string | null;
    readonly updated_at: number;
    readonly last_used_at: number | null;
  };
  readonly vault_keys: {
    readonly key_id: string;
    readonly check_value: string;
    readonly created_at: number;
  };
  readonly setup_links: OwnerColumns & {
    /** SHA-256 of the token, lower-case hex. */
    readonly hash: string;
    readonly server: string;
    readonly expires_at: number;
    readonly used_at: number | null;
    /** Name and e-mail of the owner, encrypted under the link's own token. */
    readonly profile: string | null;
  };
  /** Current log-ins of the pages; a cookie without its row is not valid. */
  readonly page_sessions: {
    /** SHA-256 of the session's id, lower-case hex. */
    readonly hash: string;
    /** Both `null`: an admin whose key belongs to no user. */
    readonly issuer: string | null;
    readonly subject: string | null;
    readonly expires_at: number;
    readonly created_at: number;
    readonly last_seen_at: number;
    readonly way: LogInWay;
    /** The API key that opened it. */
    readonly key_id: string | null;
    readonly browser: string | null;
    /** The session at an OpenID provider: `iss`, `sub` and `sid` of its ID token. */
    readonly provider_issuer: string | null;
    readonly provider_subject: string | null;
    readonly provider_sid: string | null;
  };
  /** What may be used once, such as the id of a logout token, until it expires. */
  readonly used_ids: {
    /** SHA-256 of the id, lower-case hex. */
    readonly hash: string;
    readonly expires_at: number;
  };
  /** What people know a user by. */
  readonly user_profiles: OwnerColumns & {
    readonly key_id: string;
    readonly cipher_text: string;
    readonly noted_at: number;
  };
  /** Which identities are one person. */
  readonly identity_links: OwnerColumns & {
    readonly person_issuer: string;
    readonly person_subject: string;
    readonly linked_by: string;
    readonly linked_at: number;
  };
  /** With which verified address an identity was seen last. */
  readonly verified_emails: OwnerColumns & {
    /** Keyed with the one of `erasure_keys`. */
    readonly email_hash: string;
    readonly noted_at: number;
  };
  readonly tool_uses: OwnerColumns & {
    readonly server: string;
    readonly tool: string;
    readonly last_used_at: number;
    readonly calls: number;
  };
  readonly refused_credentials: OwnerColumns & {
    readonly server: string;
    readonly since: number;
  };
  /** An erased user is an empty issuer, and the hash of `erased_users` as the subject. */
  readonly secret_changes: OwnerColumns & {
    readonly revision: number;
    /** `null`: everything of the owner. */
    readonly server: string | null;
    readonly changed_at: number;
  };
  /** Users erased lately: pending notes of their use are not stored any more. */
  readonly erased_users: {
    /** Keyed with the one of `erasure_keys`. */
    readonly user_hash: string;
    readonly erased_at: number;
  };
  readonly erasure_keys: {
    /** 1: there is one row. */
    readonly id: number;
    readonly value: string;
  };
  readonly audit_anchors: {
    /** Names the log. */
    readonly log: string;
    readonly seq: number;
    readonly hmac: string;
    readonly mac: string;
    readonly noted_at: number;
  };
  /** The last backup that succeeded; written by the backup itself. */
  readonly last_backup: {
    /** 1: there is one row. */
    readonly id: number;
    readonly finished_at: number;
    /** `-`: standard output. */
    readonly file: string;
    readonly bytes: number;
    readonly row_count: number;
  };
}

interface OwnerColumns {
  readonly issuer: string;
  readonly subject: string;
}
