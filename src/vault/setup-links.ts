import { hash, hkdfSync, randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { UserId } from '../auth/user.ts';
import { SetupLinkError } from '../errors.ts';
import { decrypt, encrypt, IV_BYTES, TAG_BYTES } from './cipher.ts';
import type { Store } from './secret-store.ts';

export const LINK_LIFETIME_MS = 15 * 60_000;
/** How long the page can distinguish an expired link from a wrong one. */
export const LINK_REMEMBERED_MS = 3_600_000;

const TOKEN_BYTES = 16;
const TOKEN_SHAPE = /^[\w-]{22}$/;
const ADVICE = 'Ask again in the chat to get a new one.';
const KEY_BYTES = 32;
const MAX_PROFILE_CHARACTERS = 200;

const optionalText = z.string().optional();
const profileSchema = z.object({ name: optionalText, email: optionalText, chatId: optionalText });

/** What people know the owner of a link by, and where it was shown to them. */
export interface LinkProfile {
  readonly name?: string | undefined;
  readonly email?: string | undefined;
  /** The chat of Open WebUI whose answer held the link. */
  readonly chatId?: string | undefined;
}

/** Whose values a link sets, and for which server. */
export interface SetupLink {
  readonly owner: UserId;
  readonly server: string;
  /** As far as it was known when the link was made. */
  readonly profile: LinkProfile;
}

type LinkStore = Pick<Store, 'addLink' | 'getLink' | 'useLink'>;

/** Makes a link's token, 128 random bits; the database gets its SHA-256. */
export async function createLink(store: LinkStore, link: SetupLink, now: number): Promise<string> {
  const token = randomBytes(TOKEN_BYTES).toString('base64url');
  const id = hash('sha256', token);
  const { owner, server, profile } = link;
  const expiresAt = now + LINK_LIFETIME_MS;
  await store.addLink({ hash: id, owner, server, expiresAt, profile: sealProfile(token, id, profile) });
  return token;
}

/** Reads a link and leaves it as it is. Rejects with `SetupLinkError` for one that cannot be redeemed. */
export async function readLink(store: LinkStore, token: string, now: number): Promise<SetupLink> {
  const id = hash('sha256', token);
  const found = TOKEN_SHAPE.test(token) ? await store.getLink(id) : undefined;
  if (found === undefined) throw new SetupLinkError(`This link is invalid or has expired. ${ADVICE}`);
  const { owner, server, expiresAt, profile, wasUsed } = found;
  if (expiresAt <= now) throw new SetupLinkError(`This link has expired after 15 minutes. ${ADVICE}`);
  if (wasUsed) throw usedLink();
  return { owner, server, profile: openProfile(token, id, profile) };
}

/** Uses a link up. Rejects with `SetupLinkError`. */
export async function redeemLink(store: LinkStore, token: string, now: number): Promise<SetupLink> {
  const link = await readLink(store, token, now);
  if (!(await store.useLink(hash('sha256', token), now))) throw usedLink();
  return link;
}

function usedLink(): SetupLinkError {
  return new SetupLinkError(`This link has already been used; each link works only once. ${ADVICE}`);
}

/** Encrypts a profile under the link's token, which the database does not have; `undefined` if it is empty. */
function sealProfile(token: string, id: string, { name, email, chatId }: LinkProfile): string | undefined {
  if (!name && !email && !chatId) return undefined;
  const text = JSON.stringify({ name: cut(name), email: cut(email), chatId: cut(chatId) });
  const { iv, content, tag } = encrypt(profileKey(token), Buffer.from(text), Buffer.from(id));
  return Buffer.concat([iv, content, tag]).toString('base64');
}

/** The profile of a link; empty where it was tampered with. */
function openProfile(token: string, id: string, sealed: string | undefined): LinkProfile {
  if (sealed === undefined) return {};
  try {
    const bytes = Buffer.from(sealed, 'base64');
    const box = {
      iv: bytes.subarray(0, IV_BYTES),
      content: bytes.subarray(IV_BYTES, -TAG_BYTES),
      tag: bytes.subarray(-TAG_BYTES),
    };
    return profileSchema.parse(JSON.parse(decrypt(profileKey(token), box, Buffer.from(id)).toString('utf8')));
  } catch {
    return {};
  }
}

function profileKey(token: string): Buffer {
  return Buffer.from(hkdfSync('sha256', token, '', 'mcpo-ts setup link profile v1', KEY_BYTES));
}

function cut(text: string | undefined): string | undefined {
  return text?.slice(0, MAX_PROFILE_CHARACTERS).toWellFormed();
}
