import type { AuditLog } from '../audit/audit-log.ts';
import { mayBeAmong } from '../auth/access-list.ts';
import type { OpenWebUiSettings } from '../auth/auth-settings.ts';
import { LogInAttempts } from '../auth/log-in/log-in-attempts.ts';
import type { ProviderLogIn } from '../auth/log-in/provider-log-in.ts';
import type { Authentication } from '../auth/open-authentication.ts';
import { PageSessions } from '../auth/page-sessions.ts';
import type { ServersFileEdits } from '../config/edits/servers-file-edits.ts';
import type { Settings } from '../config/settings.ts';
import { toShownConfiguration } from '../config/shown-configuration.ts';
import { VaultUnavailableError } from '../errors.ts';
import type { KeyStore } from '../http/admin/admin-keys.ts';
import type { AuditTrail } from '../http/audit-trail.ts';
import type { ClientAddress } from '../http/guards/client-address.ts';
import type { IdentifyDependencies } from '../http/guards/identify.ts';
import { createOwnHosts } from '../http/guards/own-hosts.ts';
import type { ToUserLink } from '../http/user-links.ts';
import { isBrowserHost } from '../http/user-links.ts';
import { OpenWebUiCookie } from '../http/vault/open-webui-cookie.ts';
import { PageAccess } from '../http/vault/page-access.ts';
import { createVaultApp, type VaultApp } from '../http/vault-app.ts';
import type { RateLimit } from '../rate-limit/rate-limit.ts';
import type { ServerRegistry } from '../servers/server-registry.ts';
import { VaultUserVariables } from '../servers/user-variables.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Redactor } from '../telemetry/redactor.ts';
import { createSetupLinks } from './create-setup-links.ts';
import type { LazyVault } from './lazy-vault.ts';
import type { StoredKeys } from './stored-keys.ts';

export interface VaultAppParts {
  readonly settings: Settings;
  readonly vault: LazyVault;
  readonly registry: ServerRegistry;
  readonly identity: IdentifyDependencies;
  readonly callLimit: RateLimit | undefined;
  readonly client: ClientAddress;
  readonly audit: AuditTrail;
  readonly logger: Logger;
  readonly redactor: Redactor;
  readonly toUserLink: ToUserLink;
  readonly providers: ProviderLogIn;
  readonly edits: ServersFileEdits | undefined;
  readonly authentication: Pick<Authentication, 'settings'>;
  readonly auditLog: AuditLog | undefined;
  /** `undefined` where the database cannot be opened. */
  readonly storedKeys: () => Promise<StoredKeys | undefined>;
}

/**
 * Builds what answers under `/vault` and `/admin`. Rejects with `VaultUnavailableError` where the vault cannot be
 * opened now.
 */
export async function openVaultApp(parts: VaultAppParts): Promise<VaultApp> {
  const { settings, registry, client, authentication } = parts;
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
  const openWebUi = new OpenWebUiCookie({
    isAllowed: () => authentication.settings.openWebUi.cookie,
    authenticator: parts.identity.authenticator,
    client,
  });
  const access = new PageAccess({
    ...parts,
    ownHosts: createOwnHosts(settings, client),
    pageSessions,
    sessions,
    openWebUi,
    noteProfile: (user) => vault.noteProfile(user),
  });
  const openWebUiUrl = () => settings.openWebUiPublicUrl ?? toOpenWebUiLink(authentication.settings.openWebUi);
  const redact = (text: string) => parts.redactor.redact(text);
  const configuration = () => {
    const servers = registry.list().map(({ config }) => config);
    return toShownConfiguration(settings, servers, authentication.settings);
  };
  const keyStore = toKeyStore(parts.storedKeys);
  const { ring } = parts.identity;
  const setupLinks = createSetupLinks(vault, parts.toUserLink);
  const pages = {
    access,
    pageSessions,
    attempts,
    sessions,
    openWebUi,
    openWebUiUrl,
    userVariables,
    vault,
    ring,
    keyStore,
    configuration,
    redact,
    setupLinks,
  };
  return createVaultApp({ ...parts, ...pages });
}

/** The stored keys for the admin's page, with errors that it can show. */
function toKeyStore(storedKeys: VaultAppParts['storedKeys']): KeyStore {
  async function use<Result>(work: (keys: StoredKeys) => Promise<Result>): Promise<Result> {
    try {
      const keys = await storedKeys();
      if (keys !== undefined) return await work(keys);
    } catch {
      // Never the message of a driver: it may hold values of the statement.
    }
    throw new VaultUnavailableError('The stored API keys cannot be reached at the moment; try again in a few seconds.');
  }
  return {
    list: () => use((keys) => keys.list()),
    create: (key) => use((keys) => keys.create(key)),
    revoke: (id) => use((keys) => keys.revoke(id)),
  };
}

/** Open WebUI in people's browsers: an address that only containers resolve is no link. */
function toOpenWebUiLink({ url }: OpenWebUiSettings): string | undefined {
  return url !== undefined && isBrowserHost(new URL(url).host) ? url : undefined;
}
