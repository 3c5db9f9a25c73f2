import { createHash, randomBytes } from 'node:crypto';
import { SetupLinkError } from '../errors.ts';
import type { DatabaseGuard } from './database-guard.ts';
import type { SecretOwner } from './secret-owner.ts';
import type { SecretStore } from './secret-store.ts';

export const LINK_LIFETIME_MS = 15 * 60_000;
/** For so long the page can tell a late link from a wrong one. */
export const LINK_REMEMBERED_MS = 3_600_000;

const TOKEN_BYTES = 16;
const TOKEN_SHAPE = /^[\w-]{22}$/;
const ADVICE = 'ask again in the chat for a new one.';

export interface SetupLinkOptions {
  readonly store: Pick<SecretStore, 'addLink' | 'useLink'>;
  readonly guard: DatabaseGuard;
  readonly now: number;
}

/** Makes a link's token, 128 random bits; the database gets its SHA-256. */
export async function createLink(
  owner: SecretOwner,
  server: string,
  { store, guard, now }: SetupLinkOptions,
): Promise<string> {
  const token = randomBytes(TOKEN_BYTES).toString('base64url');
  await guard.run(() => store.addLink({ hash: hashOf(token), owner, server, expiresAt: now + LINK_LIFETIME_MS }));
  return token;
}

/** Uses a link up. Rejects with `SetupLinkError`. */
export async function redeemLink(
  token: string,
  { store, guard, now }: SetupLinkOptions,
): Promise<{ readonly owner: SecretOwner; readonly server: string }> {
  if (!TOKEN_SHAPE.test(token)) throw unknownLink();
  const found = await guard.run(() => store.useLink(hashOf(token), now));
  if (found === undefined) throw unknownLink();
  const { owner, server, expiresAt } = found.link;
  if (expiresAt <= now) throw new SetupLinkError(`This link is older than 15 minutes; ${ADVICE}`);
  if (found.wasUsed) throw new SetupLinkError(`This link was used already, and it works once; ${ADVICE}`);
  return { owner, server };
}

function unknownLink(): SetupLinkError {
  return new SetupLinkError(`This link is not known, perhaps it was not copied whole or is long past; ${ADVICE}`);
}

function hashOf(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}
