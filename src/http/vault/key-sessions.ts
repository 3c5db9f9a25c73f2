import type { ApiKeyRing } from '../../auth/api-key-ring.ts';
import type { PageSession } from '../../auth/page-sessions.ts';
import type { UserId } from '../../auth/user.ts';

type FoundKey = ReturnType<ApiKeyRing['findById']>;

/** A session's `keyId`: the key's id with what distinguishes it from a later key of the same id. */
export function toBoundKey(keyId: string, fingerprint: string): string {
  return `${keyId}#${fingerprint}`;
}

/** The key's id in a session's `keyId`. */
export function keyIdOf(boundKey: string): string {
  return boundKey.slice(0, Math.max(0, boundKey.lastIndexOf('#')));
}

/**
 * A session as its API key is now: none if the key is gone, was replaced, or belongs to another user; without rights
 * that the key has lost.
 */
export function withRightsOf(key: FoundKey, found: PageSession): PageSession | undefined {
  if (key === undefined || found.keyId !== toBoundKey(key.id, key.fingerprint)) return undefined;
  const owner = key.principal.kind === 'user' ? key.principal : undefined;
  const identities = found.user?.identities ?? [found.user];
  if (!identities.some((one) => isSameUser(one, owner))) return undefined;
  const isAdmin = found.isAdmin && key.principal.scopes.allows('admin');
  const isOwner = owner?.scopes.allowsAnyOwnValues ?? false;
  if (!isAdmin && !isOwner) return undefined;
  return { ...found, isAdmin, scopes: owner?.scopes.ownValueScopes ?? [] };
}

export function isSameUser(user: UserId | undefined, other: UserId | undefined): boolean {
  return user?.issuer === other?.issuer && user?.subject === other?.subject;
}
