import type { AdminServer } from '../../../../src/http/admin/admin-view.ts';

type ToolList = AdminServer['tools']['differences'][number];

/** What the admin's page is to show of a server. */
export interface MemoryAdminServer {
  readonly name: string;
  readonly title: string;
  readonly state: string;
  readonly reason?: string;
  readonly detail?: string;
  readonly since?: number;
  readonly nextTryAt?: number;
  readonly stderr?: readonly string[];
  readonly transport: string;
  readonly isolation: string;
  readonly tools: readonly string[];
  readonly origin?: AdminServer['tools']['origin'];
  readonly otherLists?: readonly ToolList[];
  readonly sessions?: ReturnType<AdminServer['generations']['sessions']>;
}

/** A server as the page meets it. */
export function toServer(shown: MemoryAdminServer, restart: () => void): AdminServer {
  const { name, title, state, reason, detail, since, nextTryAt, transport, isolation, tools, origin } = shown;
  const server: { readonly [Key in keyof AdminServer]: unknown } = {
    name,
    status: { state, reason, detail, since, nextTryAt },
    catalogue: { serverInfo: { name, title }, tools: new Map(tools.map((tool) => [tool, {}])), unmatchedRules: [] },
    config: { transport: { type: transport }, isolation },
    tools: { origin, differences: shown.otherLists ?? [], choose: () => false },
    awaitedSource: undefined,
    stderr: { lines: () => (shown.stderr ?? []).map((text) => ({ at: Date.UTC(2026, 10, 22), text })) },
    generations: { sessions: () => shown.sessions ?? [], restart: async () => restart() },
  };
  return server as AdminServer;
}
