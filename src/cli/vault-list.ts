import { isReadable } from '../vault/cipher.ts';
import type { SecretRow } from '../vault/secret-rows.ts';
import type { SecretStore } from '../vault/secret-store.ts';
import { findKeyring, type VaultKeySource } from '../vault/vault-key.ts';
import { assertOwnKeyring } from '../vault/vault-keys.ts';
import { toTable, toTimeText } from './table.ts';
import type { VaultCommandResult } from './vault-result.ts';

interface ListedSecret {
  readonly issuer: string;
  readonly subject: string;
  readonly server: string;
  readonly variable: string;
  readonly setAt: string;
  readonly lastUsedAt: string | undefined;
  readonly isReadable: boolean;
  readonly keyId: string;
}

/** Who has set what, never a value; as a table or as JSON. Each is decrypted to see whether it can be. */
export async function listSecrets(
  store: SecretStore,
  keySource: VaultKeySource,
  { json }: { readonly json: boolean },
): Promise<VaultCommandResult> {
  const rows = await store.list();
  const secrets = rows.length === 0 ? [] : await describe(store, keySource, rows);
  const unreadable = secrets.filter((secret) => !secret.isReadable).length;
  const note =
    unreadable === 0
      ? ''
      : `${unreadable} of ${secrets.length} secrets cannot be decrypted with the keys given; they are kept. Give the key of that id, or let the user set the value again.\n`;
  return { text: json ? `${JSON.stringify(secrets, null, 2)}\n` : toText(secrets), note, exitCode: 0 };
}

async function describe(
  store: SecretStore,
  keySource: VaultKeySource,
  rows: readonly SecretRow[],
): Promise<readonly ListedSecret[]> {
  const keyring = findKeyring(keySource);
  assertOwnKeyring(await store.keys(), keyring);
  return rows.map((row) => ({
    issuer: row.owner.issuer,
    subject: row.owner.subject,
    server: row.server,
    variable: row.name,
    setAt: toTimeText(row.updatedAt),
    lastUsedAt: row.lastUsedAt === undefined ? undefined : toTimeText(row.lastUsedAt),
    isReadable: isReadable(keyring, row),
    keyId: row.keyId,
  }));
}

function toText(secrets: readonly ListedSecret[]): string {
  if (secrets.length === 0) return 'There are no secrets in the vault.\n';
  const header = ['USER', 'SERVER', 'VARIABLE', 'SET AT', 'LAST USED', 'READABLE', 'KEY'];
  return toTable(
    header,
    secrets.map(({ issuer, subject, server, variable, setAt, lastUsedAt, isReadable, keyId }) => [
      `${issuer}:${subject}`,
      server,
      variable,
      setAt,
      lastUsedAt ?? 'never',
      isReadable ? 'yes' : 'NO',
      keyId,
    ]),
  );
}
