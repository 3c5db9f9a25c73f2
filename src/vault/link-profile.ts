import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { z } from 'zod';

/** What people know the owner of a link by. */
export interface LinkProfile {
  readonly name?: string | undefined;
  readonly email?: string | undefined;
}

const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const MAX_CHARACTERS = 200;

const profileSchema = z.object({ name: z.string().optional(), email: z.string().optional() });

/** Encrypts a profile under the link's token, which the database does not have; `undefined` if there is nothing in it. */
export function sealProfile(token: string, hash: string, { name, email }: LinkProfile): string | undefined {
  if (!name && !email) return undefined;
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', keyOf(token), nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(Buffer.from(hash));
  const text = JSON.stringify({ name: cut(name), email: cut(email) });
  const sealed = Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]);
  return sealed.toString('base64');
}

/** The profile of a link; empty where it was tampered with. */
export function openProfile(token: string, hash: string, sealed: string | undefined): LinkProfile {
  if (sealed === undefined) return {};
  try {
    const bytes = Buffer.from(sealed, 'base64');
    const nonce = bytes.subarray(0, NONCE_BYTES);
    const decipher = createDecipheriv('aes-256-gcm', keyOf(token), nonce, { authTagLength: TAG_BYTES });
    decipher.setAAD(Buffer.from(hash));
    decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
    const text = Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
    return profileSchema.parse(JSON.parse(text.toString('utf8')));
  } catch {
    return {};
  }
}

function keyOf(token: string): Buffer {
  return Buffer.from(hkdfSync('sha256', token, '', 'mcpo-ts setup link profile v1', KEY_BYTES));
}

function cut(text: string | undefined): string | undefined {
  return text === undefined ? undefined : text.slice(0, MAX_CHARACTERS).toWellFormed();
}
