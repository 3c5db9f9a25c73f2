import { createCipheriv, createDecipheriv, type KeyObject, randomBytes } from 'node:crypto';
import { SecretUnreadableError } from '../errors.ts';
import type { Keyring } from './keyring.ts';
import type { SecretPlace, SecretRow } from './secret-rows.ts';

type Sealed = Pick<SecretRow, 'keyId' | 'cipherText'>;
export type SealedRow = SecretPlace & Sealed & Pick<SecretRow, 'version'>;

const FORMAT = '1';
const ALGORITHM = 'aes-256-gcm';
const KEY_BYTES = 32;
/** NIST SP 800-38D, section 8.2.2: 96 random bits, one key seldom used more than once. */
export const IV_BYTES = 12;
export const TAG_BYTES = 16;

/** What one layer of AES-256-GCM gives. */
export interface Box {
  readonly iv: Buffer;
  readonly content: Buffer;
  readonly tag: Buffer;
}

/**
 * Encrypts a value with a data key of its own and wraps that with the ring's active key. The text is
 * `1.iv.wrapped key.tag.iv.content.tag`, base64url each. Both layers are bound to the secret's place and version; the
 * outer one to the key's id as well, the inner one not, so that a rotation needs the data key but never the value.
 */
export function seal(keyring: Keyring, place: SecretPlace, version: number, value: string): Sealed {
  const { id, wrapping } = keyring.active;
  const dataKey = randomBytes(KEY_BYTES);
  try {
    const inner = encrypt(dataKey, Buffer.from(value, 'utf8'), innerData(place, version));
    const outer = encrypt(wrapping, dataKey, outerData(id, place, version));
    return { keyId: id, cipherText: toText(outer, inner) };
  } finally {
    dataKey.fill(0);
  }
}

/** The value. Throws `SecretUnreadableError` when the ring has not its key or any part of the row was changed. */
export function open(keyring: Keyring, row: SealedRow): string {
  const { outer, inner } = parseText(row);
  const dataKey = unwrap(keyring, row, outer);
  try {
    return decrypt(dataKey, inner, innerData(row, row.version)).toString('utf8');
  } catch {
    throw unreadable(row);
  } finally {
    dataKey.fill(0);
  }
}

/** Whether `open` gives the value. */
export function isReadable(keyring: Keyring, row: SealedRow): boolean {
  try {
    open(keyring, row);
    return true;
  } catch {
    return false;
  }
}

/** The same value under the ring's active key; the value itself is not decrypted. Throws `SecretUnreadableError`. */
export function rewrap(keyring: Keyring, row: SealedRow): Sealed {
  const { outer, inner } = parseText(row);
  const dataKey = unwrap(keyring, row, outer);
  try {
    const { id, wrapping } = keyring.active;
    const rewrapped = encrypt(wrapping, dataKey, outerData(id, row, row.version));
    return { keyId: id, cipherText: toText(rewrapped, inner) };
  } finally {
    dataKey.fill(0);
  }
}

function unwrap(keyring: Keyring, row: SealedRow, outer: Box): Buffer {
  const key = keyring.keys.get(row.keyId);
  if (key === undefined) throw unreadable(row);
  try {
    return decrypt(key.wrapping, outer, outerData(key.id, row, row.version));
  } catch {
    throw unreadable(row);
  }
}

/** One layer of AES-256-GCM under a key of 32 bytes. */
export function encrypt(key: KeyObject | Buffer, plain: Buffer, additionalData: Buffer): Box {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv(ALGORITHM, key, iv, { authTagLength: TAG_BYTES });
  cipher.setAAD(additionalData);
  const content = Buffer.concat([cipher.update(plain), cipher.final()]);
  return { iv, content, tag: cipher.getAuthTag() };
}

/** What `encrypt` was given. Throws node's own error if the key, the box or the additional data are others. */
export function decrypt(key: KeyObject | Buffer, { iv, content, tag }: Box, additionalData: Buffer): Buffer {
  const decipher = createDecipheriv(ALGORITHM, key, iv, { authTagLength: TAG_BYTES });
  decipher.setAAD(additionalData);
  decipher.setAuthTag(tag);
  return Buffer.concat([decipher.update(content), decipher.final()]);
}

function outerData(keyId: string, place: SecretPlace, version: number): Buffer {
  return lengthPrefixed('data key', FORMAT, keyId, ...placeParts(place, version));
}

function innerData(place: SecretPlace, version: number): Buffer {
  return lengthPrefixed('value', FORMAT, ...placeParts(place, version));
}

function placeParts({ owner, server, name }: SecretPlace, version: number): readonly string[] {
  return [owner.issuer, owner.subject, server, name, String(version)];
}

/** Each part after its length in bytes, so that no two lists of parts give the same. */
function lengthPrefixed(...parts: readonly string[]): Buffer {
  return Buffer.concat(
    parts.flatMap((part) => {
      const bytes = Buffer.from(part, 'utf8');
      const length = Buffer.alloc(4);
      length.writeUInt32BE(bytes.length);
      return [length, bytes];
    }),
  );
}

function toText(outer: Box, inner: Box): string {
  const boxes = [outer, inner].flatMap(({ iv, content, tag }) => [iv, content, tag]);
  return [FORMAT, ...boxes.map((bytes) => bytes.toString('base64url'))].join('.');
}

function parseText(row: SealedRow): { readonly outer: Box; readonly inner: Box } {
  const [format, ...parts] = row.cipherText.split('.');
  if (format !== FORMAT || parts.length !== 6) throw unreadable(row);
  const read = (index: number, length?: number): Buffer => {
    const part = parts[index] ?? '';
    const bytes = Buffer.from(part, 'base64url');
    // Node ignores invalid base64 and left-over bits: only the canonical spelling is accepted.
    if (bytes.toString('base64url') !== part || (length !== undefined && bytes.length !== length)) {
      throw unreadable(row);
    }
    return bytes;
  };
  return {
    outer: { iv: read(0, IV_BYTES), content: read(1, KEY_BYTES), tag: read(2, TAG_BYTES) },
    inner: { iv: read(3, IV_BYTES), content: read(4), tag: read(5, TAG_BYTES) },
  };
}

/** Without a cause: the platform's message does not help. */
function unreadable({ server, name }: SealedRow): SecretUnreadableError {
  return new SecretUnreadableError(
    `The value of ${name} for server "${server}" can no longer be decrypted; set it again.`,
  );
}
