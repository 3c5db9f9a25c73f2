import type { RejectedTool } from '../../mcp/session.ts';
import type { Server } from '../../servers/server.ts';
import { PER_USER } from '../../servers/server-status.ts';

const MAX_REJECTED_SHOWN = 50;
const MAX_NAME_CHARACTERS = 200;
const MAX_REASON_CHARACTERS = 500;

/** What the pages use of a server. */
export type ListedServer = Pick<Server, 'name' | 'status' | 'catalogue' | 'config' | 'awaitedSource'>;

/** What every page shows of a server; `reason` is a public sentence of ours. */
export function toShownServer(server: ListedServer) {
  const { name, status, catalogue, config } = server;
  const title = config.title ?? catalogue?.serverInfo.title ?? catalogue?.serverInfo.name ?? name;
  // The admin's own title stands in place of the name; a title that the server gives itself stands beside it.
  const heading = config.title ?? name;
  const other = heading === name ? title : name;
  return {
    name,
    title,
    heading,
    subtitle: other === heading ? undefined : other,
    state: status.state,
    ...toStateWords(server),
    transport: config.transport.type === 'auto' ? 'streamable-http' : config.transport.type,
  };
}

/** The state in words for users: a server that works for each of them separately is not "ready" for anybody yet. */
function toStateWords({ status, config }: ListedServer): {
  readonly stateText: string;
  readonly stateClass: string;
  readonly reason: string | undefined;
} {
  const { state, reason } = status;
  const stateClass = state.replaceAll(' ', '-');
  if (config.isolation === 'shared' || state !== 'ready') return { stateText: state, stateClass, reason };
  const stateText = config.isolation === 'user' ? 'each user signs in' : 'a session for each chat';
  return { stateText, stateClass: 'personal', reason: reason === PER_USER ? undefined : reason };
}

/** Tools that cannot be served, as they are shown: at most fifty, names and reasons of bounded length. */
export function toShownRejectedTools(rejected: readonly RejectedTool[]): RejectedTool[] {
  const shorten = (text: string, max: number) => (text.length > max ? `${text.slice(0, max).toWellFormed()}…` : text);
  return rejected.slice(0, MAX_REJECTED_SHOWN).map(({ name, reason }) => ({
    name: shorten(name, MAX_NAME_CHARACTERS),
    reason: shorten(reason, MAX_REASON_CHARACTERS),
  }));
}
