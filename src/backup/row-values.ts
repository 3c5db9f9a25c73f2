import type { TableRow } from '../db/snapshot.ts';
import { isReadable } from '../vault/cipher.ts';
import type { Keyring } from '../vault/keyring.ts';
import type { VaultKeyRow } from '../vault/secret-rows.ts';
import { profileSeal } from '../vault/user-profiles.ts';

/** Tables with values that the vault's keys encrypt. */
export const sealedTables = ['secrets', 'user_profiles'] as const;

type SealedTable = (typeof sealedTables)[number];

export function isSealedTable(table: string): table is SealedTable {
  return table === 'secrets' || table === 'user_profiles';
}

/** Whether the keys decrypt the value of a row. */
export function isReadableRow(keyring: Keyring, table: SealedTable, row: TableRow): boolean {
  const owner = { issuer: String(row.issuer), subject: String(row.subject) };
  const sealed = { keyId: String(row.key_id), cipherText: String(row.cipher_text) };
  if (table === 'user_profiles') return isReadable(keyring, { ...profileSeal(owner), ...sealed });
  const place = { owner, server: String(row.server), name: String(row.name) };
  return isReadable(keyring, { ...place, ...sealed, version: Number(row.version) });
}

export function toVaultKeyRow(row: TableRow): VaultKeyRow {
  return { keyId: String(row.key_id), check: String(row.check_value), createdAt: Number(row.created_at) };
}
