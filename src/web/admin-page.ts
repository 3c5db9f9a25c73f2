import type { AdminView } from './admin-view.ts';
import { renderTemplate } from './render-template.ts';
import { toCount, toTimeText } from './words.ts';

/** The whole HTML of `/admin` for an admin. */
export function renderAdminPage(view: AdminView): string {
  const ready = view.servers.filter(({ state }) => state === 'ready').length;
  return renderTemplate('admin', {
    ...view,
    title: 'Administration',
    referrer: 'same-origin',
    summary: `${ready} of ${toCount(view.servers.length, 'server')} ready, ${toCount(view.secretCount, 'value')} set by users`,
    servers: view.servers.map((server, index) => ({
      ...server,
      index,
      stateClass: server.state.replaceAll(/[^a-z]+/g, '-'),
      toolCount: toCount(server.tools.length, 'tool'),
      sessionText: toCount(server.sessionCount, 'session'),
      moreSessions: server.sessionCount - server.sessions.length,
      sessions: server.sessions.map((session) => ({
        ...session,
        lastUsed: toTimeText(session.lastUsedAt),
        running: session.runningCalls > 0 ? `${toCount(session.runningCalls, 'call')} running` : undefined,
      })),
    })),
    users: view.users.map((user, index) => ({
      ...user,
      index,
      secrets: user.secrets.map((secret) => ({
        ...secret,
        updated: toTimeText(secret.updatedAt),
        lastUsed: toTimeText(secret.lastUsedAt),
      })),
    })),
  });
}
