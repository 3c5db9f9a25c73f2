import { renderTemplate } from '../pages/render-template.ts';
import { toCount } from '../pages/words.ts';
import type { AdminToolListView, AdminView } from './admin-page-view.ts';

/** The whole HTML of `/admin` for an admin. */
export function renderAdminPage(view: AdminView): string {
  const ready = view.servers.filter(({ state }) => state === 'ready').length;
  return renderTemplate('admin/admin', {
    ...view,
    title: 'Administration',
    summary: `${ready} of ${toCount(view.servers.length, 'server')} ready, ${toCount(view.secretCount, 'value')} set by users`,
    servers: view.servers.map((server, index) => ({
      ...server,
      index,
      stateClass: server.state.replaceAll(/[^a-z]+/g, '-'),
      toolCount: toCount(server.tools.length, 'tool'),
      sessionText: toCount(server.sessionCount, 'session'),
      otherLists: server.otherLists.map((list) => ({
        ...list,
        since: list.since,
        changes: toChanges(list),
      })),
      moreSessions: server.sessionCount - server.sessions.length,
      sessions: server.sessions.map((session) => ({
        ...session,
        lastUsed: session.lastUsedAt,
        running: session.runningCalls > 0 ? `${toCount(session.runningCalls, 'call')} running` : undefined,
      })),
    })),
    users: view.users.map((user, index) => ({
      ...user,
      index,
      secrets: user.secrets.map((secret) => ({
        ...secret,
        updated: secret.updatedAt,
        lastUsed: secret.lastUsedAt,
      })),
    })),
  });
}

/** What is other in a list, as lines of names. */
function toChanges({ added, removed, changed, isServerTextChanged }: AdminToolListView) {
  const line = (label: string, names: readonly string[]) => (names.length === 0 ? [] : [{ label, names }]);
  return [
    ...line('Additional', added),
    ...line('Missing', removed),
    ...line('Different', changed),
    ...line('Also different', isServerTextChanged ? ['the name, version or instructions of the server'] : []),
  ];
}
