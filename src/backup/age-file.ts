import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';
import { Decrypter, Encrypter, identityToRecipient } from 'age-encryption';
import { BackupError, UsageError } from '../errors.ts';

/** For whom a backup is encrypted: whoever knows the passphrase, or holds an identity of one of the recipients. */
export type BackupLock =
  | { readonly passphrase: string }
  /** Public keys, `age1…`; at least one. */
  | { readonly recipients: readonly string[] };

/** What may open a backup. */
export interface BackupOpeners {
  readonly passphrase: string | undefined;
  /** `AGE-SECRET-KEY-1…`, one a line, as in a file that `age-keygen` writes. */
  readonly identities: string | undefined;
}

const MAGIC = 'age-encryption.org/v1\n';
/** A header is a few hundred bytes. */
const MAX_HEADER_BYTES = 64 * 1024;

/** The encrypted bytes of a stream. Throws `UsageError` for a recipient that is none. */
export async function encrypt(plain: AsyncIterable<Uint8Array>, lock: BackupLock): Promise<AsyncIterable<Uint8Array>> {
  const encrypter = new Encrypter();
  if ('passphrase' in lock) encrypter.setPassphrase(lock.passphrase);
  else for (const recipient of lock.recipients) addRecipient(encrypter, recipient);
  return encrypter.encrypt(Readable.toWeb(Readable.from(plain, { objectMode: false })) as ReadableStream<Uint8Array>);
}

function addRecipient(encrypter: Encrypter, recipient: string): void {
  try {
    encrypter.addRecipient(recipient);
  } catch (error) {
    throw new UsageError(
      `"${recipient.slice(0, 100)}" is not a public key of age; it begins with age1, as "age-keygen" prints it.`,
      { cause: error },
    );
  }
}

/**
 * The bytes that were encrypted, each piece authenticated. Rejects with `BackupError` when the file cannot be read, is
 * not a file of age, was encrypted for others, or was cut off or altered.
 */
export async function* decrypt(file: string, openers: BackupOpeners): AsyncGenerator<Uint8Array, void, undefined> {
  await assertAgeFile(file);
  const decrypter = toDecrypter(openers);
  const encrypted = createReadStream(file, { highWaterMark: 256 * 1024 });
  let isOpen = false;
  try {
    const plain = await decrypter.decrypt(Readable.toWeb(encrypted) as ReadableStream<Uint8Array>);
    isOpen = true;
    for await (const piece of plain) yield piece;
  } catch (error) {
    if (error instanceof BackupError) throw error;
    throw new BackupError(isOpen ? cutOrAltered(file) : notOpened(file, error), { cause: error });
  } finally {
    encrypted.destroy();
  }
}

/** Also keeps a hostile file from being read into memory in search of the end of its header. */
async function assertAgeFile(file: string): Promise<void> {
  let start: Buffer;
  try {
    const handle = await open(file, 'r');
    try {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(MAX_HEADER_BYTES), 0, MAX_HEADER_BYTES, 0);
      start = buffer.subarray(0, bytesRead);
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw new BackupError(`The backup "${file}" cannot be read (${(error as NodeJS.ErrnoException).code}).`);
  }
  if (start.subarray(0, MAGIC.length).toString('latin1') !== MAGIC || !start.includes('\n--- ')) {
    throw new BackupError(`"${file}" is not a backup that mcpo-ts has made: it is not a file of age.`);
  }
}

function toDecrypter({ passphrase, identities }: BackupOpeners): Decrypter {
  const decrypter = new Decrypter();
  if (passphrase !== undefined) decrypter.addPassphrase(passphrase);
  for (const identity of identityLines(identities ?? '')) {
    try {
      decrypter.addIdentity(identity);
    } catch {
      throw notAnIdentity();
    }
  }
  return decrypter;
}

/** The public keys of identities. Rejects with `UsageError` for what is none. */
export async function recipientsOf(identities: string): Promise<readonly string[]> {
  try {
    return await Promise.all(identityLines(identities).map((identity) => identityToRecipient(identity)));
  } catch {
    throw notAnIdentity();
  }
}

/** Without comments, as in a file of `age-keygen`. */
function identityLines(identities: string): readonly string[] {
  return identities.split('\n').flatMap((line) => (/^\s*(#|$)/.test(line) ? [] : [line.trim()]));
}

function notAnIdentity(): UsageError {
  return new UsageError('The identity is not one of age: each line begins with AGE-SECRET-KEY-1, or with a "#".');
}

function notOpened(file: string, error: unknown): string {
  const reason = error instanceof Error ? error.message : '';
  if (reason.includes('work factor')) return `The backup "${file}" asks for too much work for its passphrase.`;
  if (reason.includes('no identity matched')) {
    return `The backup "${file}" cannot be opened: the passphrase or identity is not the one that it was made for, or its beginning was altered.`;
  }
  return `The backup "${file}" cannot be opened: its beginning was altered.`;
}

function cutOrAltered(file: string): string {
  return `The backup "${file}" was cut off or altered; restore another one.`;
}
