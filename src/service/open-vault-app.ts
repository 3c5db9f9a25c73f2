import { mayBeAmong } from '../auth/access-list.ts';
import { LogInAttempts } from '../auth/log-in/log-in-attempts.ts';
import type { ProviderLogIn } from '../auth/log-in/provider-log-in.ts';
import { PageSessions } from '../auth/page-sessions.ts';
import type { ServersFileEdits } from '../config/edits/servers-file-edits.ts';
import type { Settings } from '../config/settings.ts';
import type { AuditTrail } from '../http/audit-trail.ts';
import type { ClientAddress } from '../http/guards/client-address.ts';
import type { IdentifyDependencies } from '../http/guards/identify.ts';
import { createOwnHosts } from '../http/guards/own-hosts.ts';
import type { ToUserLink } from '../http/user-links.ts';
import { PageAccess } from '../http/vault/page-access.ts';
import { createVaultApp, type VaultApp } from '../http/vault-app.ts';
import type { RateLimit } from '../rate-limit/rate-limit.ts';
import type { ServerRegistry } from '../servers/server-registry.ts';
import { VaultUserVariables } from '../servers/user-variables.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Redactor } from '../telemetry/redactor.ts';
import { createSetupLinks } from './create-setup-links.ts';
import type { LazyVault } from './lazy-vault.ts';

export interface VaultAppParts {
  readonly settings: Settings;
  readonly vault: LazyVault;
  readonly registry: ServerRegistry;
  readonly identity: IdentifyDependencies;
  readonly callLimit: RateLimit | undefined;
  readonly client: ClientAddress;
  readonly audit: AuditTrail | undefined;
  readonly logger: Logger;
  readonly redactor: Redactor;
  readonly toUserLink: ToUserLink;
  readonly providers: ProviderLogIn;
  readonly edits: ServersFileEdits | undefined;
}

/**
 * Builds what answers under `/vault` and `/admin`. Rejects with `VaultUnavailableError` where the vault cannot be
 * opened now.
 */
export async function openVaultApp(parts: VaultAppParts): Promise<VaultApp> {
  const { settings, registry, client } = parts;
  const vault = await parts.vault.openForCall();
  const signer = await parts.vault.tokenSigner();
  const userVariables = new VaultUserVariables({
    vault,
    registry,
    mayUse: (user, { access }) => mayBeAmong(user, access),
    userJwt: (user, audience) => signer.sign(user, audience),
  });
  const cookieKeys = await parts.vault.derivedKeys('cookies');
  const sessions = new PageSessions(cookieKeys);
  const attempts = new LogInAttempts(cookieKeys);
  const pageSessions = parts.vault.pageSessions();
  const access = new PageAccess({
    ...parts,
    ownHosts: createOwnHosts(settings, client),
    pageSessions,
    sessions,
    noteProfile: (user) => vault.noteProfile(user),
  });
  const redact = (text: string) => parts.redactor.redact(text);
  const setupLinks = createSetupLinks(vault, parts.toUserLink);
  return createVaultApp({ ...parts, access, userVariables, vault, redact, setupLinks, pageSessions, attempts });
}
