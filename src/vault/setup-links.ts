import { createHash, randomBytes } from 'node:crypto';
import { SetupLinkError } from '../errors.ts';
import type { DatabaseGuard } from './database-guard.ts';
import { openProfile, sealProfile } from './link-profile.ts';
import type { FoundLink, SecretStore } from './secret-store.ts';
import type { SetupLink } from './vault.ts';

const LINK_LIFETIME_MS = 15 * 60_000;
/** For so long the page can distinguish an expired link from a wrong one. */
export const LINK_REMEMBERED_MS = 3_600_000;

const TOKEN_BYTES = 16;
const TOKEN_SHAPE = /^[\w-]{22}$/;
const ADVICE = 'Ask again in the chat to get a new one.';

export interface SetupLinkOptions {
  readonly store: Pick<SecretStore, 'addLink' | 'getLink' | 'useLink'>;
  readonly guard: DatabaseGuard;
  readonly now: number;
}

/** Makes a link's token, 128 random bits; the database gets its SHA-256. */
export async function createLink(
  { owner, server, profile }: SetupLink,
  { store, guard, now }: SetupLinkOptions,
): Promise<string> {
  const token = randomBytes(TOKEN_BYTES).toString('base64url');
  const hash = hashOf(token);
  const row = { hash, owner, server, expiresAt: now + LINK_LIFETIME_MS, profile: sealProfile(token, hash, profile) };
  await guard.run(() => store.addLink(row));
  return token;
}

/** Reads a link and leaves it as it is. Rejects with `SetupLinkError` for one that cannot be redeemed. */
export function readLink(token: string, { store, guard, now }: SetupLinkOptions): Promise<SetupLink> {
  return checkLink(token, now, (hash) => guard.run(() => store.getLink(hash)));
}

/** Uses a link up. Rejects with `SetupLinkError`. */
export async function redeemLink(token: string, { store, guard, now }: SetupLinkOptions): Promise<SetupLink> {
  // Read before: the profile is removed with the first use.
  const { profile } = await readLink(token, { store, guard, now });
  return { ...(await checkLink(token, now, (hash) => guard.run(() => store.useLink(hash, now)))), profile };
}

async function checkLink(
  token: string,
  now: number,
  find: (hash: string) => Promise<FoundLink | undefined>,
): Promise<SetupLink> {
  if (!TOKEN_SHAPE.test(token)) throw unknownLink();
  const hash = hashOf(token);
  const found = await find(hash);
  if (found === undefined) throw unknownLink();
  const { owner, server, expiresAt, profile } = found.link;
  if (expiresAt <= now) throw new SetupLinkError(`This link has expired after 15 minutes. ${ADVICE}`);
  if (found.wasUsed) throw new SetupLinkError(`This link has already been used; each link works only once. ${ADVICE}`);
  return { owner, server, profile: openProfile(token, hash, profile) };
}

function unknownLink(): SetupLinkError {
  return new SetupLinkError(`This link is invalid or has expired. ${ADVICE}`);
}

function hashOf(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}
