import type { UserId } from '../auth/user.ts';
import type { Database } from '../db/open-database.ts';
import {
  ownerColumns,
  placeColumns,
  putSecretRows,
  type SecretPlace,
  type SecretRow,
  toSecretRow,
} from './secret-rows.ts';
import { addUses } from './tool-uses.ts';

/** Encrypts a secret for another place and version; `undefined` if it cannot be decrypted. */
export type MoveSecret = (
  row: SecretRow,
  place: SecretPlace,
  version: number,
) => Pick<SecretRow, 'keyId' | 'cipherText'> | undefined;

/**
 * Gives everything that is stored of one user to another. Where both have set a value the newer stays; one that cannot be
 * decrypted stays where it is. Log-ins of the former end. Returns how many secrets moved. To be called in a transaction
 * that holds the row of the revision.
 */
export async function moveOwner(
  transaction: Database,
  from: UserId,
  to: UserId,
  moveSecret: MoveSecret,
): Promise<number> {
  const secrets = transaction.selectFrom('secrets').selectAll();
  const rows = await secrets.where((where) => where.and(ownerColumns(from))).execute();
  let moved = 0;
  for (const row of rows.map(toSecretRow)) if (await moveRow(transaction, row, to, moveSecret)) moved += 1;
  await moveUses(transaction, from, to);
  const links = transaction.updateTable('setup_links').set(ownerColumns(to));
  await links.where((where) => where.and(ownerColumns(from))).execute();
  for (const table of ['refused_credentials', 'page_sessions', 'user_profiles'] as const) {
    const rows = transaction.deleteFrom(table);
    await rows.where((where) => where.and(ownerColumns(from))).execute();
  }
  return moved;
}

async function moveRow(transaction: Database, row: SecretRow, to: UserId, moveSecret: MoveSecret): Promise<boolean> {
  const place = { ...row, owner: to };
  const taken = transaction.selectFrom('secrets').select(['version', 'updated_at']);
  const rival = await taken.where((where) => where.and(placeColumns(place))).executeTakeFirst();
  const isNewer = rival === undefined || row.updatedAt > rival.updated_at;
  const version = (rival?.version ?? 0) + 1;
  const sealed = isNewer ? moveSecret(row, place, version) : undefined;
  if (isNewer && sealed === undefined) return false;
  if (sealed !== undefined) await putSecretRows(transaction, [{ ...place, version, ...sealed }]);
  const former = transaction.deleteFrom('secrets');
  await former.where((where) => where.and(placeColumns(row))).execute();
  return sealed !== undefined;
}

async function moveUses(transaction: Database, from: UserId, to: UserId): Promise<void> {
  const uses = transaction.selectFrom('tool_uses').selectAll();
  const rows = await uses.where((where) => where.and(ownerColumns(from))).execute();
  const former = transaction.deleteFrom('tool_uses');
  await former.where((where) => where.and(ownerColumns(from))).execute();
  for (const { server, tool, last_used_at: lastUsedAt, calls } of rows) {
    await addUses(transaction, [{ owner: to, server, tool, lastUsedAt, calls }]);
  }
}
