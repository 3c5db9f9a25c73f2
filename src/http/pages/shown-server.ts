import type { RejectedTool } from '../../mcp/session.ts';
import type { Server } from '../../servers/server.ts';

const MAX_REJECTED_SHOWN = 50;
const MAX_NAME_CHARACTERS = 200;
const MAX_REASON_CHARACTERS = 500;

/** What the pages use of a server. */
export type ListedServer = Pick<Server, 'name' | 'status' | 'catalogue' | 'config' | 'awaitedSource'>;

/** What every page shows of a server; `reason` is a public sentence of ours. */
export function toShownServer({ name, status, catalogue, config }: ListedServer) {
  return {
    name,
    title: config.title ?? catalogue?.serverInfo.title ?? catalogue?.serverInfo.name ?? name,
    state: status.state,
    reason: status.reason,
    transport: config.transport.type === 'auto' ? 'streamable-http' : config.transport.type,
  };
}

/** Tools that cannot be served, as they are shown: at most fifty, names and reasons of bounded length. */
export function toShownRejectedTools(rejected: readonly RejectedTool[]): RejectedTool[] {
  const shorten = (text: string, max: number) => (text.length > max ? `${text.slice(0, max).toWellFormed()}…` : text);
  return rejected.slice(0, MAX_REJECTED_SHOWN).map(({ name, reason }) => ({
    name: shorten(name, MAX_NAME_CHARACTERS),
    reason: shorten(reason, MAX_REASON_CHARACTERS),
  }));
}
