import type { AuditLog } from '../audit/audit-log.ts';
import { mayBeAmong } from '../auth/authorize.ts';
import { createPageSessions } from '../auth/page-sessions.ts';
import type { UserTokenSigner } from '../auth/user-token-signer.ts';
import type { Settings } from '../config/settings.ts';
import { NotFoundError } from '../errors.ts';
import type { AdminFacts, AdminServer } from '../http/admin/admin-facts.ts';
import type { ClientAddress } from '../http/guards/client-address.ts';
import type { IdentifyDependencies } from '../http/guards/identify.ts';
import { createOwnHosts } from '../http/guards/own-hosts.ts';
import { createPageAccess } from '../http/vault/create-page-access.ts';
import { createVaultAudit } from '../http/vault/vault-audit.ts';
import { createVaultApp, type VaultApp } from '../http/vault-app.ts';
import type { RateLimit } from '../rate-limit/rate-limit.ts';
import type { Catalogue } from '../servers/catalogue.ts';
import type { Server } from '../servers/server.ts';
import type { ServerRegistry } from '../servers/server-registry.ts';
import { describeUnmatchedRule } from '../servers/unmatched-rules.ts';
import { VaultUserVariables } from '../servers/user-variables.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Vault } from '../vault/vault.ts';
import type { LazyVault } from './lazy-vault.ts';

export interface VaultAppParts {
  readonly settings: Settings;
  readonly vault: LazyVault;
  readonly registry: ServerRegistry;
  readonly identity: IdentifyDependencies;
  readonly callLimit: RateLimit | undefined;
  readonly client: ClientAddress;
  readonly auditLog: AuditLog | undefined;
  readonly tokenSigner: () => Promise<UserTokenSigner>;
  readonly logger: Logger;
}

/**
 * Builds what answers under `/vault` and `/admin`. Rejects with `VaultUnavailableError` where the vault cannot be
 * opened now.
 */
export async function openVaultApp(parts: VaultAppParts): Promise<VaultApp> {
  const { settings, registry, identity, callLimit, client, auditLog, logger } = parts;
  const vault = await parts.vault.openForCall();
  const signer = await parts.tokenSigner();
  const userSettings = new VaultUserVariables({
    vault,
    registry,
    mayUse: (user, { access }) => mayBeAmong(user, access),
    userJwt: (user, audience) => signer.sign(user, audience),
  });
  const audit = createVaultAudit(auditLog, client);
  const access = createPageAccess({
    settings,
    ownHosts: createOwnHosts(settings, client),
    identity,
    client,
    vault,
    sessions: createPageSessions({ keys: await parts.vault.derivedKeys('cookies') }),
    audit,
  });
  const facts = createAdminFacts(registry, vault);
  return createVaultApp({ settings, access, identity, client, audit, userSettings, facts, callLimit, logger });
}

function createAdminFacts(registry: ServerRegistry, vault: Vault): AdminFacts {
  return {
    servers: () => registry.list().map(toAdminServer),
    secrets: () => vault.facts(),
    restart: async (name) => {
      const server = registry.get(name);
      if (server === undefined) throw new NotFoundError('There is no such server here.');
      await server.restart();
    },
    chooseTools: (name, list) => {
      if (registry.get(name)?.tools.choose(list) === true) return;
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
    sessions: server.sessions(),
  };
}

function toToolsFrom({ tools, awaitedSource }: Server): string | undefined {
  switch (tools.origin) {
    case 'service':
      return 'The list of tools comes from the values of "discovery".';
    case 'chosen':
      return 'The list of tools was taken over here.';
    case 'admin':
      return "The list of tools comes from an admin's session.";
    case 'user':
      return "The list of tools comes from the first user's session.";
    case undefined:
      break;
  }
  if (awaitedSource === 'admin')
    return 'No tools are listed before an admin connects, "discovery" is set or a list is taken over here.';
  return awaitedSource === 'user' ? 'No tools are listed before a user connects.' : undefined;
}
