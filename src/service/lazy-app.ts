import type { RequestListener } from 'node:http';
import type { AuditEvent } from '../audit/audit-event.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import type { Authentication } from '../auth/open-authentication.ts';
import type { ServersFileEdits } from '../config/edits/servers-file-edits.ts';
import type { Settings } from '../config/settings.ts';
import { AuditTrail } from '../http/audit-trail.ts';
import type { ClientAddress } from '../http/guards/client-address.ts';
import type { IdentifyDependencies } from '../http/guards/identify.ts';
import type { RunningCalls } from '../http/tool-call/running-calls.ts';
import type { ToUserLink } from '../http/user-links.ts';
import type { Limits } from '../rate-limit/open-limits.ts';
import type { RateLimit } from '../rate-limit/rate-limit.ts';
import type { ServerRegistry } from '../servers/server-registry.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Redactor } from '../telemetry/redactor.ts';
import type { Closers } from './closers.ts';
import { Lazy } from './lazy.ts';
import type { Storage } from './open-storage.ts';

export interface AppParts {
  readonly settings: Settings;
  readonly identity: IdentifyDependencies;
  readonly callLimit: RateLimit | undefined;
  readonly limits: Limits;
  readonly client: ClientAddress;
  readonly registry: ServerRegistry;
  readonly calls: RunningCalls;
  readonly storage: Storage;
  readonly authentication: Authentication;
  readonly auditLog: AuditLog | undefined;
  readonly record: (event: AuditEvent) => void;
  readonly toUserLink: ToUserLink;
  readonly edits: ServersFileEdits | undefined;
  readonly instance: string;
  readonly logger: Logger;
  readonly redactor: Redactor;
}

/** The Express app, and within it the pages of users and admins: each is loaded when it is first needed. */
export function lazyApp(parts: AppParts, closers: Closers): Lazy<RequestListener> {
  const { authentication, auditLog, record, client, storage, limits, calls, logger } = parts;
  const { vault, storedKeys } = storage;
  const providers = new Lazy(async () => {
    const { ProviderLogIn } = await import('../auth/log-in/provider-log-in.ts');
    return new ProviderLogIn(() => authentication.settings, logger);
  });
  closers.add('connections to log-in providers', async () => (await providers.ifMade())?.close());
  const vaultPages = new Lazy(async () => {
    // With their templates: 40 ms.
    const { openVaultApp } = await import('./open-vault-app.ts');
    return openVaultApp({
      ...parts,
      // With or without an audit log, what happens on the pages is counted.
      audit: new AuditTrail({ record, assertAvailable: () => auditLog?.assertAvailable() }, client),
      vault,
      providers: await providers.get(),
      storedKeys: () => storedKeys.get(),
    });
  });
  return new Lazy(async () => {
    // With Express: 129 ms and 12 MB.
    const { createApp } = await import('../http/app.ts');
    return createApp({
      ...parts,
      hasAuthentication: () => authentication.authenticator.isRequired,
      limits: () => limits.status(),
      isLeaving: () => calls.isLeaving,
      vaultPages: () => vaultPages.get(),
      keySet: async () => (await vault.tokenSigner()).keySet(),
    });
  });
}
