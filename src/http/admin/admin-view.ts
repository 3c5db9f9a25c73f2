import type { Server } from '../../servers/server.ts';
import { withoutSteering } from '../../servers/stderr-log.ts';
import { describeUnmatchedRule } from '../../servers/unmatched-rules.ts';
import { type ListedServer, toShownServer } from '../pages/shown-server.ts';

/** What the admin's page uses of a server. */
export type AdminServer = ListedServer & Pick<Server, 'tools' | 'awaitedSource' | 'generations' | 'stderr'>;

/** A server as `admin-server.eta` shows it; never a user's value. `redact` removes known secrets from a text. */
export function toAdminServer(server: AdminServer, redact: (text: string) => string) {
  const { status, catalogue, config, tools } = server;
  const shown = toShownServer(server);
  // Why the server does not work, and which of the admin's rules do nothing.
  const reasons = [shown.reason ?? [], (catalogue?.unmatchedRules ?? []).map(describeUnmatchedRule)].flat();
  return {
    ...shown,
    reason: reasons.join('; '),
    // What the server or its process said. Secrets were removed when it was read; those known since then are now.
    detail: status.detail === undefined ? undefined : withoutSteering(redact(status.detail)),
    stderr: server.stderr.lines().map(({ at, text }) => ({ at, text: redact(text) })),
    since: status.since,
    nextTryAt: status.nextTryAt,
    isolation: config.isolation,
    tools: [...(catalogue?.tools.keys() ?? [])],
    toolsFrom: config.isolation === 'shared' ? undefined : toToolsFrom(server),
    otherLists: tools.differences,
    sessions: server.generations.sessions(),
  };
}

/** Where the list of tools that all users see comes from. */
function toToolsFrom({ tools, awaitedSource }: AdminServer): string | undefined {
  switch (tools.origin) {
    case 'service':
      return 'The list of tools comes from the values of "discovery".';
    case 'chosen':
      return 'The list of tools was selected here.';
    case 'admin':
      return "The list of tools comes from an admin's session.";
    case 'user':
      return "The list of tools comes from the first user's session.";
    case undefined:
      break;
  }
  if (awaitedSource === 'admin')
    return 'No tools are listed until an admin connects, "discovery" is set or a list is selected here.';
  return awaitedSource === 'user' ? 'No tools are listed until a user connects.' : undefined;
}
