import type { UserId } from '../../auth/user.ts';
import { NotFoundError } from '../../errors.ts';
import type { Catalogue } from '../../servers/catalogue.ts';
import { describeUnmatchedRule } from '../../servers/catalogue.ts';
import type { Server } from '../../servers/server.ts';
import type { ServerRegistry } from '../../servers/server-registry.ts';
import type { SecretFacts, Vault } from '../../vault/vault.ts';

/** A live session on the admin's page. */
interface AdminSession {
  /** `undefined`: all users share the session. */
  readonly owner: UserId | undefined;
  readonly chatId: string | undefined;
  /** A word such as `ready` or `starting`. */
  readonly state: string;
  /** Milliseconds since the epoch; `undefined` before the first call. */
  readonly lastUsedAt: number | undefined;
  readonly runningCalls: number;
}

/** A user's list of tools that differs from the one that all users see; names only, without secrets. */
interface AdminToolList {
  readonly id: string;
  /** Whose session listed it first. */
  readonly owner: UserId;
  /** Milliseconds since the epoch. */
  readonly since: number;
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly changed: readonly string[];
  /** The name, version or instructions of the server differ. */
  readonly isServerTextChanged: boolean;
}

export interface AdminServer {
  readonly name: string;
  readonly title: string;
  readonly state: string;
  /** Why it is not ready: public, a sentence of ours. */
  readonly reason: string | undefined;
  /** What the server or its process said, without secrets. */
  readonly detail: string | undefined;
  readonly transport: string;
  readonly isolation: string;
  /** Names of its tools. */
  readonly tools: readonly string[];
  /** Where the list of tools that all users see comes from: a sentence of ours; `undefined` while there is none. */
  readonly toolsFrom: string | undefined;
  readonly otherLists: readonly AdminToolList[];
  readonly sessions: readonly AdminSession[];
}

/** What the admin's page shows and does beside erasing users; never a user's value. */
export interface AdminFacts {
  /** In the order of the servers file. */
  servers(): readonly AdminServer[];
  /** Of all users, by owner, server and name. Rejects with `VaultUnavailableError`. */
  secrets(): Promise<readonly SecretFacts[]>;
  /** Ends the server's sessions; shared ones start anew. Rejects with `NotFoundError` for an unknown server. */
  restart(server: string): Promise<void>;
  /** Makes one of `otherLists` the list that all users see. Throws `NotFoundError` for an unknown server or list. */
  chooseTools(server: string, list: string): void;
}

/** The facts of the running servers and the vault. */
export function createAdminFacts(registry: ServerRegistry, vault: Vault): AdminFacts {
  return {
    servers: () => registry.list().map(toAdminServer),
    secrets: () => vault.facts(),
    restart: async (name) => {
      const server = registry.servers.get(name);
      if (server === undefined) throw new NotFoundError('There is no such server.');
      await server.generations.restart();
    },
    chooseTools: (name, list) => {
      if (registry.servers.get(name)?.tools.choose(list) === true) return;
      throw new NotFoundError('This list of tools no longer exists. Reload the page to see the current ones.');
    },
  };
}

/** Why the server does not work, and which of the admin's rules do nothing. */
function toReason(reason: string | undefined, catalogue: Catalogue | undefined): string | undefined {
  const parts = [reason ?? [], (catalogue?.unmatchedRules ?? []).map(describeUnmatchedRule)].flat();
  return parts.length === 0 ? undefined : parts.join('; ');
}

function toAdminServer(server: Server): AdminServer {
  const { name, status, catalogue, config } = server;
  return {
    name,
    title: catalogue?.serverInfo.title ?? catalogue?.serverInfo.name ?? name,
    state: status.state,
    reason: toReason(status.reason, catalogue),
    detail: status.detail,
    transport: config.transport.type === 'auto' ? 'streamable-http' : config.transport.type,
    isolation: config.isolation,
    tools: [...(catalogue?.tools.keys() ?? [])],
    toolsFrom: config.isolation === 'shared' ? undefined : toToolsFrom(server),
    otherLists: server.tools.differences.map(({ changes, ...rest }) => ({
      ...rest,
      added: changes.added ?? [],
      removed: changes.removed ?? [],
      changed: changes.changed ?? [],
    })),
    sessions: server.generations.sessions(),
  };
}

function toToolsFrom({ tools, awaitedSource }: Server): string | undefined {
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
