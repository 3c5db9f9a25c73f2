import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import express, { type ErrorRequestHandler } from 'express';
import type { AuditEvent } from '../../../../src/audit/audit-event.ts';
import { ApiKeyRing } from '../../../../src/auth/api-key-ring.ts';
import type { LogInProvider } from '../../../../src/auth/auth-settings.ts';
import { LogInAttempts } from '../../../../src/auth/log-in/log-in-attempts.ts';
import { ProviderLogIn } from '../../../../src/auth/log-in/provider-log-in.ts';
import { PageSessions } from '../../../../src/auth/page-sessions.ts';
import type { UserId } from '../../../../src/auth/user.ts';
import { TRUST_NONE } from '../../../../src/config/trust-proxy.ts';
import type { AdminServer } from '../../../../src/http/admin/admin-view.ts';
import { AuditTrail } from '../../../../src/http/audit-trail.ts';
import { answerError } from '../../../../src/http/error-handler.ts';
import { createOwnHosts } from '../../../../src/http/guards/own-hosts.ts';
import { securityHeaders } from '../../../../src/http/guards/security-headers.ts';
import { createClientAddress } from '../../../../src/http/guards/trusted-proxies.ts';
import { createAssets } from '../../../../src/http/pages/assets.ts';
import { toPathname } from '../../../../src/http/paths.ts';
import { OpenWebUiCookie } from '../../../../src/http/vault/open-webui-cookie.ts';
import { PageAccess } from '../../../../src/http/vault/page-access.ts';
import { createVaultApp } from '../../../../src/http/vault-app.ts';
import { LocalFailures } from '../../../../src/rate-limit/local-counts.ts';
import { LogInLimits } from '../../../../src/rate-limit/log-in-limits.ts';
import type { ReloadResult } from '../../../../src/servers/reload-result.ts';
import type { LinkProfile } from '../../../../src/vault/vault.ts';
import { keyRecord, setUp } from '../../auth/open-webui-request.ts';
import { collectingLogger, type LogLine } from '../../auth/token-fixture.ts';
import { MemoryPageSessions } from '../memory-page-sessions.ts';
import { PageVault } from '../page-vault.ts';
import { type MemoryAdminServer, toServer } from './memory-admin-server.ts';
import { MemoryKeys } from './memory-keys.ts';
import { type MemoryServer, MemoryVariables } from './memory-variables.ts';

export const ALICE = { issuer: 'open-webui', subject: 'alice' };
export const CHIEF = { issuer: 'open-webui', subject: 'chief' };

export interface PageAppOptions {
  readonly servers?: readonly MemoryServer[];
  readonly adminServers?: readonly MemoryAdminServer[];
  readonly pathPrefix?: string;
  readonly hasAuthentication?: boolean;
  readonly openWebUiPublicUrl?: string;
  /** A log-in with `key-of-odd` is of this user. */
  readonly oddUser?: UserId;
  /** What users are known by, by `toUserKey`. */
  readonly profiles?: ReadonlyMap<string, LinkProfile>;
  readonly providers?: readonly LogInProvider[];
}

export interface PageApp {
  readonly port: number;
  readonly url: string;
  readonly userVariables: MemoryVariables;
  /** The changes of values that were recorded. */
  readonly changes: readonly AuditEvent[];
  readonly restarted: readonly string[];
  readonly keyStore: MemoryKeys;
  /** Whose sessions were ended, with which server or with all. */
  readonly ended: readonly { readonly owner: UserId; readonly server: string | undefined }[];
  readonly registry: { lastReload: ReloadResult | undefined };
  readonly logs: readonly LogLine[];
  /** Changes what a server is. */
  show(server: string, changes: Partial<MemoryAdminServer>): void;
  /** Changes what an API key may do. */
  setScopes(key: string, scopes: readonly string[]): void;
  /** From now on nothing can be recorded. */
  auditFailure(error: Error): void;
  /** The path of a setup link. */
  createLink(owner: UserId, server: string, profile?: LinkProfile): string;
  readonly vault: PageVault;
  readonly pageSessions: MemoryPageSessions;
  close(): Promise<void>;
}

const RECORDED: ReadonlySet<string> = new Set(['secret_change', 'key_change', 'session_ended']);

/** The pages as they are mounted, with real log-ins and cookies over user settings in memory. */
export async function startPageApp(options: PageAppOptions = {}): Promise<PageApp> {
  const {
    servers: userServers = [],
    adminServers = [],
    pathPrefix = '/',
    hasAuthentication = true,
    oddUser = ALICE,
  } = options;
  const { openWebUiPublicUrl } = options;
  const ring = new ApiKeyRing();
  const keys = hasAuthentication
    ? [
        keyRecord('of-alice', 'key-of-alice', { user: ALICE }),
        keyRecord('of-odd', 'key-of-odd', { user: oddUser }),
        keyRecord('admin', 'key-of-admin', { scopes: ['admin'] }),
        keyRecord('chief', 'key-of-chief', { user: CHIEF, scopes: ['vault', 'admin'] }),
        keyRecord('robot', 'key-of-robot'),
      ]
    : [];
  const authenticator = setUp({ keys, ring });
  const limits = new LogInLimits({ failures: new LocalFailures({ limit: 100, windowMs: 60_000 }) });
  const client = createClientAddress(TRUST_NONE);
  const changes: AuditEvent[] = [];
  let auditFailure: Error | undefined;
  const auditLog = {
    assertAvailable: () => {
      if (auditFailure !== undefined) throw auditFailure;
    },
    record: (event: AuditEvent) => void (RECORDED.has(event.eventType) && changes.push(event)),
  };
  const audit = new AuditTrail(auditLog, client);
  const vault = new PageVault();
  const pageSessions = new MemoryPageSessions();
  const settings = { pathPrefix, publicUrl: undefined, rootPath: '', strictAuth: false, openWebUiPublicUrl };
  const identity = { authenticator, ring, limits };
  const sessions = new PageSessions([Buffer.alloc(32, 7)]);
  const openWebUi = new OpenWebUiCookie({ isAllowed: () => false, authenticator, client });
  const access = new PageAccess({
    settings,
    ownHosts: createOwnHosts({ host: '127.0.0.1', publicUrl: undefined, allowedHosts: [] }, client),
    identity,
    client,
    pageSessions,
    sessions,
    openWebUi,
    audit,
  });
  const userVariables = new MemoryVariables(userServers);
  const restarted: string[] = [];
  const keyStore = new MemoryKeys(ring);
  const ended: { owner: UserId; server: string | undefined }[] = [];
  const register = (shown: MemoryAdminServer): [string, AdminServer] => [
    shown.name,
    toServer(shown, () => restarted.push(shown.name)),
  ];
  const servers = new Map(adminServers.map(register));
  const registry = {
    list: () => [...servers.values()],
    servers,
    lastReload: undefined as ReloadResult | undefined,
    endOwned: async (owner: UserId, server?: string) => void ended.push({ owner, server }),
  };
  const logs: LogLine[] = [];
  const logger = collectingLogger(logs);
  const failed: ErrorRequestHandler = (error: unknown, request, response, _next) =>
    answerError(error, request, response, logger);

  const app = express();
  app.use((request, response, next) => {
    for (const [name, value] of securityHeaders()) response.setHeader(name, value);
    request.url = toPathname(request.url) + (request.url.includes('?') ? `?${request.url.split('?')[1]}` : '');
    next();
  });
  app.use(
    ['/', pathPrefix].map((base) => `${base}docs/assets`),
    createAssets(),
  );
  app.use(
    createVaultApp({
      settings,
      access,
      identity,
      client,
      registry,
      pageSessions,
      providers: new ProviderLogIn(
        () => ({ logIn: options.providers ?? [], scopesByRole: new Map(), scopesByGroup: new Map() }),
        logger,
      ),
      sessions,
      openWebUi,
      openWebUiUrl: () => undefined,
      attempts: new LogInAttempts([Buffer.alloc(32, 7)]),
      vault: {
        facts: async () => userVariables.facts(),
        profiles: async () => options.profiles ?? new Map(),
        endSessions: async () => undefined,
        readLink: (token) => vault.readLink(token),
        redeemLink: (token) => vault.redeemLink(token),
      },
      userVariables,
      audit,
      logger,
      ring,
      keyStore,
      configuration: () => ({ mcpServers: { files: { command: 'x', note: 'known-secret <b>' } } }),
      auditLog: { file: '/var/log/audit.jsonl', status: { state: 'ok', pending: 0, lost: 0, written: 0 } },
      redact: (text) => text.replaceAll('known-secret', '[redacted]'),
      callLimit: undefined,
      setupLinks: { create: async () => ({ url: '', expiresAt: 0 }) },
    }),
  );
  app.use(failed);
  const server = createServer(app);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    userVariables,
    changes,
    restarted,
    keyStore,
    ended,
    registry,
    logs,
    show: (server, changes) => {
      const shown = adminServers.find(({ name }) => name === server);
      if (shown !== undefined) servers.set(...register({ ...shown, ...changes }));
    },
    setScopes: (key, scopes) => {
      const changed = keys.map((record) => (record.id === key ? { ...record, scopes } : record));
      ring.replace('file', changed);
    },
    auditFailure: (error) => {
      auditFailure = error;
    },
    vault,
    pageSessions,
    createLink: (owner, server, profile) => `${pathPrefix}vault/link/${vault.createLink({ owner, server }, profile)}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
