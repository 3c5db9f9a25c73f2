import type { LogInWay } from '../../auth/page-sessions.ts';
import type { OwnPageSession } from './page-access.ts';

/** How a session was opened, in words. */
export const WAY_WORDS: Readonly<Record<LogInWay, string>> = {
  link: 'a link from the chat',
  key: 'an API key',
  token: 'a token',
  provider: 'single sign-on',
  'open-webui': 'Open WebUI',
};

/** A user's log-ins as `sessions.eta` shows them. */
export function toSessionRows(sessions: readonly OwnPageSession[]): readonly object[] {
  return sessions.map(({ handle, isThis, browser, way, createdAt, lastSeenAt, expiresAt }) => ({
    handle,
    isThis,
    browser: browser ?? 'Unknown browser',
    way: WAY_WORDS[way],
    createdAt,
    lastSeenAt,
    expiresAt,
  }));
}
