import { mayBeAmong } from '../auth/access-list.ts';
import { PageSessions } from '../auth/page-sessions.ts';
import type { Settings } from '../config/settings.ts';
import { createAdminFacts } from '../http/admin/admin-facts.ts';
import type { AuditTrail } from '../http/audit-trail.ts';
import type { ClientAddress } from '../http/guards/client-address.ts';
import type { IdentifyDependencies } from '../http/guards/identify.ts';
import { createOwnHosts } from '../http/guards/own-hosts.ts';
import { PageAccess } from '../http/vault/page-access.ts';
import { PageAudit } from '../http/vault/page-audit.ts';
import { createVaultApp, type VaultApp } from '../http/vault-app.ts';
import type { RateLimit } from '../rate-limit/rate-limit.ts';
import type { ServerRegistry } from '../servers/server-registry.ts';
import { VaultUserVariables } from '../servers/user-variables.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { LazyVault } from './lazy-vault.ts';

export interface VaultAppParts {
  readonly settings: Settings;
  readonly vault: LazyVault;
  readonly registry: ServerRegistry;
  readonly identity: IdentifyDependencies;
  readonly callLimit: RateLimit | undefined;
  readonly client: ClientAddress;
  readonly audit: AuditTrail;
  readonly logger: Logger;
}

/**
 * Builds what answers under `/vault` and `/admin`. Rejects with `VaultUnavailableError` where the vault cannot be
 * opened now.
 */
export async function openVaultApp(parts: VaultAppParts): Promise<VaultApp> {
  const { settings, registry, identity, callLimit, client, logger } = parts;
  const vault = await parts.vault.openForCall();
  const signer = await parts.vault.tokenSigner();
  const userVariables = new VaultUserVariables({
    vault,
    registry,
    mayUse: (user, { access }) => mayBeAmong(user, access),
    userJwt: (user, audience) => signer.sign(user, audience),
  });
  const audit = new PageAudit(parts.audit, client);
  const access = new PageAccess({
    settings,
    ownHosts: createOwnHosts(settings, client),
    identity,
    client,
    vault,
    sessions: new PageSessions(await parts.vault.derivedKeys('cookies')),
    audit,
  });
  const facts = createAdminFacts(registry, vault);
  return createVaultApp({ settings, access, identity, client, audit, userVariables, facts, callLimit, logger });
}
