import type { Selectable } from 'kysely';
import type { UserId } from '../auth/user.ts';
import type { Database } from '../db/open-database.ts';
import type { Tables } from '../db/tables.ts';

/** The place of a secret; its cipher text is bound to all of it, so that no row can replace another. */
export interface SecretPlace {
  readonly owner: UserId;
  readonly server: string;
  readonly name: string;
}

/** A stored secret. Times are milliseconds since the epoch. */
export interface SecretRow extends SecretPlace {
  /** Counts the values that were set in this place: 1, 2, … */
  readonly version: number;
  /** Which key-encryption key wrapped its data key. */
  readonly keyId: string;
  /** Made and read by `cipher.ts` only. */
  readonly cipherText: string;
  readonly lastFour: string | undefined;
  readonly updatedAt: number;
  readonly lastUsedAt: number | undefined;
}

/** A key that was used in this vault, and the value that proves a key to be that one. */
export interface VaultKeyRow {
  readonly keyId: string;
  readonly check: string;
  readonly createdAt: number;
}

export interface SetupLinkRow {
  /** SHA-256 of the token, lower-case hex. */
  readonly hash: string;
  readonly owner: UserId;
  readonly server: string;
  readonly expiresAt: number;
  /** Made and read by `setup-links.ts` only. */
  readonly profile: string | undefined;
}

export interface FoundLink extends SetupLinkRow {
  readonly wasUsed: boolean;
}

/** A value to be stored; `seal` encrypts it for the version that the place gets. */
export interface NewSecret {
  readonly place: SecretPlace;
  readonly seal: (version: number) => Pick<SecretRow, 'keyId' | 'cipherText'>;
  readonly lastFour: string | undefined;
}

/** A change of secrets. */
export interface SecretChange {
  /** Grows with every change, in the order in which they were made. */
  readonly revision: number;
  /** `undefined`: a user who was erased, and is none of those that were asked for. */
  readonly owner: UserId | undefined;
  /** `undefined`: everything of the owner. */
  readonly server: string | undefined;
}

/** A tool that a user has used. */
export interface ToolUse {
  readonly server: string;
  readonly tool: string;
  readonly lastUsedAt: number;
  readonly calls: number;
}

/** A server that rejected a user's credentials. */
export interface RefusedCredentials {
  readonly server: string;
  /** Milliseconds since the epoch. */
  readonly since: number;
}

/** A stored profile: name and e-mail address, encrypted like a secret whose server has no name. */
export interface ProfileRow {
  readonly owner: UserId;
  readonly keyId: string;
  readonly cipherText: string;
  /** Milliseconds since the epoch. */
  readonly notedAt: number;
}

/** A use and whose it is. */
export type OwnedUse = ToolUse & { readonly owner: UserId };

/** Few enough for the parameters of one statement. */
const ROWS_AT_ONCE = 200;

type Row = Selectable<Tables['secrets']>;

/** A user as the tables store them, without whatever else the object holds. Throws `TypeError` for unstorable text. */
export function ownerColumns({ issuer, subject }: UserId): Pick<Row, 'issuer' | 'subject'> {
  return { issuer: storable(issuer), subject: storable(subject) };
}

export function serverColumns(owner: UserId, server: string): Pick<Row, 'issuer' | 'subject' | 'server'> {
  return { ...ownerColumns(owner), server: storable(server) };
}

export function placeColumns(place: SecretPlace): Pick<Row, 'issuer' | 'subject' | 'server' | 'name'> {
  return { ...serverColumns(place.owner, place.server), name: storable(place.name) };
}

export function toSecretRow(row: Row): SecretRow {
  return {
    owner: ownerColumns(row),
    server: row.server,
    name: row.name,
    version: row.version,
    keyId: row.key_id,
    cipherText: row.cipher_text,
    lastFour: row.last_four ?? undefined,
    updatedAt: row.updated_at,
    lastUsedAt: row.last_used_at ?? undefined,
  };
}

/** Writes rows in the place of those that are there. Resolves to where something was written. */
export async function putSecretRows(
  database: Database,
  rows: readonly SecretRow[],
): Promise<readonly Pick<Row, 'issuer' | 'subject' | 'server'>[]> {
  const written: Pick<Row, 'issuer' | 'subject' | 'server'>[] = [];
  for (const some of inPortions(uniquePlaces(rows))) {
    const inserted = await database
      .insertInto('secrets')
      .values(some.map(toColumns))
      .onConflict((conflict) =>
        conflict.columns(['issuer', 'subject', 'server', 'name']).doUpdateSet(({ ref }) => ({
          version: ref('excluded.version'),
          key_id: ref('excluded.key_id'),
          cipher_text: ref('excluded.cipher_text'),
          last_four: ref('excluded.last_four'),
          updated_at: ref('excluded.updated_at'),
          last_used_at: ref('excluded.last_used_at'),
        })),
      )
      .returning(['issuer', 'subject', 'server'])
      .execute();
    written.push(...inserted);
  }
  return written;
}

/** Whether a database gives a text back as it was: PostgreSQL takes no NUL, and half a character would become another. */
export function isStorable(text: string): boolean {
  return text.isWellFormed() && !text.includes('\0');
}

/** So many at once as one statement takes. */
export function* inPortions<Item>(items: readonly Item[]): Generator<Item[]> {
  for (let start = 0; start < items.length; start += ROWS_AT_ONCE) yield items.slice(start, start + ROWS_AT_ONCE);
}

function storable(text: string): string {
  if (!isStorable(text)) throw new TypeError('a name contains characters that databases do not preserve');
  return text;
}

function toColumns(row: SecretRow): Row {
  return {
    ...placeColumns(row),
    version: row.version,
    key_id: row.keyId,
    cipher_text: row.cipherText,
    last_four: row.lastFour ?? null,
    updated_at: row.updatedAt,
    last_used_at: row.lastUsedAt ?? null,
  };
}

/** One statement cannot write a place twice; the last row of each counts. */
function uniquePlaces(rows: readonly SecretRow[]): readonly SecretRow[] {
  return [...new Map(rows.map((row) => [JSON.stringify(Object.values(placeColumns(row))), row])).values()];
}
