import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { UsageError } from '../errors.ts';
import { codeOf, createPrivateFile } from '../key-file.ts';
import type { SecretRow, VaultKeyRow } from './secret-rows.ts';

/** A backup contains the secrets as they are in the database, encrypted, and none of the keys. */
export interface VaultBackup {
  readonly keys: readonly VaultKeyRow[];
  readonly secrets: readonly SecretRow[];
}

const FORMAT = 'mcpo-ts vault backup';
const time = z.int().nonnegative();
const text = z.string().min(1);

const backupSchema = z.strictObject({
  format: z.literal(FORMAT),
  formatVersion: z.literal(1),
  createdAt: time,
  keys: z.array(z.strictObject({ keyId: text, check: text, createdAt: time })),
  secrets: z.array(
    z.strictObject({
      issuer: text,
      subject: text,
      server: text,
      name: text,
      version: z.int().min(1),
      keyId: text,
      cipherText: text,
      lastFour: text.optional(),
      updatedAt: time,
      lastUsedAt: time.optional(),
    }),
  ),
});

/** Writes a new file of mode 0600, whole or not at all. Throws `UsageError` when there is one or none can be made. */
export function writeBackup(file: string, { keys, secrets }: VaultBackup, now: number): void {
  const content: z.infer<typeof backupSchema> = {
    format: FORMAT,
    formatVersion: 1,
    createdAt: now,
    keys: [...keys],
    secrets: secrets.map(({ owner: { issuer, subject }, ...secret }) => ({ issuer, subject, ...secret })),
  };
  let isCreated: boolean;
  try {
    isCreated = createPrivateFile(file, `${JSON.stringify(content, null, 1)}\n`);
  } catch (error) {
    throw new UsageError(`The backup "${file}" cannot be written (${codeOf(error)}).`);
  }
  if (!isCreated) throw new UsageError(`The file "${file}" exists already; choose another name for the backup.`);
}

/** Throws `UsageError` for a file that cannot be read or is not a complete backup. */
export function readBackup(file: string): VaultBackup {
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    const reason = error instanceof SyntaxError ? 'it is not JSON' : codeOf(error);
    throw new UsageError(
      `The file "${file}" cannot be read as a backup of the vault (${reason}); nothing was changed.`,
    );
  }
  const checked = backupSchema.safeParse(content);
  if (!checked.success) {
    const place = checked.error.issues[0]?.path.join('.') || 'its beginning';
    throw new UsageError(
      `The file "${file}" is not a complete backup of the vault (see ${place}); nothing was changed.`,
    );
  }
  const { keys, secrets } = checked.data;
  return {
    keys,
    secrets: secrets.map(({ issuer, subject, lastFour, lastUsedAt, ...row }) => ({
      ...row,
      owner: { issuer, subject },
      lastFour,
      lastUsedAt,
    })),
  };
}
