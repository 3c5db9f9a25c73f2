import { createHash } from 'node:crypto';
import type { SessionSettings } from '../mcp/session.ts';

/** Names one session: equal keys share it, and nothing else does. */
export type PoolKey = string & { readonly __brand: 'PoolKey' };

/** Whose session it is: issuer and subject, and the chat where that parts sessions. */
export type SessionOwner = readonly string[];

/**
 * Makes the key of a session from the server, its owner and a digest of the resolved settings. Each part is
 * length-prefixed, so that no two different lists of parts give the same key whatever characters they hold.
 */
export function toPoolKey(server: string, owner: SessionOwner, settings: SessionSettings): PoolKey {
  const digest = createHash('sha256')
    .update(lengthPrefixed(settingsParts(settings)))
    .digest('base64url');
  return lengthPrefixed([server, String(owner.length), ...owner, digest]) as PoolKey;
}

/** Names an owner, or a user by the first two of his parts, in maps. */
export function toUserKey(owner: SessionOwner): string {
  return lengthPrefixed(owner);
}

function settingsParts(settings: SessionSettings): string[] {
  if (settings.type === 'stdio') {
    return [settings.type, settings.command, ...settings.args, '\0env', ...pairs(settings.env), settings.cwd ?? ''];
  }
  return [settings.type, settings.url, ...pairs(settings.headers)];
}

function pairs(record: Readonly<Record<string, string>>): string[] {
  return Object.entries(record)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flat();
}

function lengthPrefixed(parts: readonly string[]): string {
  return parts.map((part) => `${part.length}:${part}`).join('');
}
