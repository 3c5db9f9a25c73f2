import type { PageSession } from '../../auth/page-sessions.ts';
import { toUserId } from './vault-audit.ts';

/** A session's `keyId`: the key's id with what tells it from a later key of the same id. */
export function toBoundKey(keyId: string, fingerprint: string): string {
  return `${keyId}#${fingerprint}`;
}

/** The id of the key alone. */
export function keyIdOf(boundKey: string): string {
  return boundKey.slice(0, Math.max(0, boundKey.lastIndexOf('#')));
}

/** Names who is logged in as `toPrincipalId` names principals; in limits and in the audit log. */
export function toSessionId({ user, keyId }: Pick<PageSession, 'user' | 'keyId'>): string {
  return user === undefined ? `key:${keyIdOf(keyId ?? '')}` : toUserId(user);
}
