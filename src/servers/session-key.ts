import { createHash } from 'node:crypto';
import type { UserId } from '../auth/user.ts';
import type { SessionSettings } from '../mcp/session.ts';

/** Names one session: equal keys share it, and nothing else does. */
export type SessionKey = string & { readonly __brand: 'SessionKey' };

/** Whose session it is; `chatId` only where each chat has a session of its own. */
export type UserAndChat = UserId & { readonly chatId: string | undefined };

/**
 * Makes the key of a session from the server, its owner and a digest of the resolved settings. Each part is
 * length-prefixed, so that no two different lists of parts give the same key whatever characters they hold.
 */
export function toSessionKey(server: string, owner: UserAndChat, settings: SessionSettings): SessionKey {
  const digest = createHash('sha256')
    .update(lengthPrefixed(settingsParts(settings)))
    .digest('base64url');
  return lengthPrefixed([server, toUserAndChatKey(owner), digest]) as SessionKey;
}

export function isSameOwner(one: UserAndChat, other: UserAndChat): boolean {
  return one.issuer === other.issuer && one.subject === other.subject && one.chatId === other.chatId;
}

function toUserAndChatKey({ issuer, subject, chatId }: UserAndChat): string {
  return lengthPrefixed(chatId === undefined ? [issuer, subject] : [issuer, subject, chatId]);
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
