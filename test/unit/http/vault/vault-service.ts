import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import express, { type ErrorRequestHandler } from 'express';
import type { AuditEvent } from '../../../../src/audit/audit-event.ts';
import { ApiKeyRing } from '../../../../src/auth/api-key-ring.ts';
import type { ApiKeyRecord } from '../../../../src/auth/auth-settings.ts';
import type { UserSources } from '../../../../src/auth/authenticator.ts';
import { PageSessions } from '../../../../src/auth/page-sessions.ts';
import type { UserPrincipal } from '../../../../src/auth/principal.ts';
import { Scopes } from '../../../../src/auth/scopes.ts';
import { TokenRefusedError } from '../../../../src/auth/token-refused-error.ts';
import { toUserKey, type UserId, type UserProfile } from '../../../../src/auth/user.ts';
import { TRUST_NONE, type TrustProxy } from '../../../../src/config/trust-proxy.ts';
import {
  AuditUnavailableError,
  NotFoundError,
  UserVariableTestError,
  UserVariableValueError,
} from '../../../../src/errors.ts';
import { AuditTrail } from '../../../../src/http/audit-trail.ts';
import { answerError } from '../../../../src/http/error-handler.ts';
import { createOwnHosts } from '../../../../src/http/guards/own-hosts.ts';
import { createClientAddress } from '../../../../src/http/guards/trusted-proxies.ts';
import { createCredentialLogIn } from '../../../../src/http/vault/credential-log-in.ts';
import { PageAccess } from '../../../../src/http/vault/page-access.ts';
import { type LinkVisit, SetupLinkAccess } from '../../../../src/http/vault/setup-link-access.ts';
import { createVaultApi, type SetupLinks } from '../../../../src/http/vault/vault-api.ts';
import { pageHeaders, undecodable } from '../../../../src/http/vault-app.ts';
import { LocalFailures } from '../../../../src/rate-limit/local-counts.ts';
import { LogInLimits } from '../../../../src/rate-limit/log-in-limits.ts';
import { RateLimit } from '../../../../src/rate-limit/rate-limit.ts';
import type { ServerVariables, UserVariables } from '../../../../src/servers/user-variables.ts';
import { type HttpAnswer, type HttpRequest, sendRequest } from '../../../e2e/http-request.ts';
import { keyRecord, setUp } from '../../auth/open-webui-request.ts';
import { collectingLogger, type LogLine } from '../../auth/token-fixture.ts';
import { MemoryPageSessions } from '../memory-page-sessions.ts';
import { PageVault } from '../page-vault.ts';

export const ALICE = { issuer: 'open-webui', subject: 'alice' };
/** Whose name has to be encoded in a URL. */
export const BOB = { issuer: 'https://id.example', subject: 'auth0|bob/1' };

export const KEYS: readonly ApiKeyRecord[] = [
  keyRecord('of-alice', 'key-of-alice', { user: ALICE }),
  keyRecord('admin', 'key-of-admin', { scopes: ['admin'] }),
  keyRecord('robot', 'key-of-robot'),
  keyRecord('webui', 'key-of-webui', { assertsUser: true }),
  keyRecord('chief', 'key-of-chief', { user: { issuer: 'open-webui', subject: 'chief' }, scopes: ['call', 'admin'] }),
];

/** The token of Bob, `bob.to.ken`, expires so long after the log-in. */
export const BOB_TOKEN_MS = 60_000;

export interface SetUpOptions {
  readonly keys?: readonly ApiKeyRecord[];
  readonly publicUrl?: string;
  readonly trustProxy?: TrustProxy;
  readonly strictAuth?: boolean;
  readonly failureLimit?: number;
  readonly callLimit?: number;
  readonly isAuditRequired?: boolean;
}

export interface VaultService {
  readonly port: number;
  readonly origin: string;
  readonly events: readonly AuditEvent[];
  readonly logs: readonly LogLine[];
  readonly ring: ApiKeyRing;
  readonly settings: MemoryVariables;
  setTime(ms: number): void;
  readonly vault: PageVault;
  /** The token of a setup link. */
  createLink(owner: UserId, server: string): string;
  send(method: string, path: string, request?: HttpRequest): Promise<HttpAnswer>;
  close(): Promise<void>;
}

/** The vault's routes as they are mounted, with tiny forms in place of the pages. */
export async function startVaultService(options: SetUpOptions = {}): Promise<VaultService> {
  let time = Date.now();
  const now = () => time;
  const ring = new ApiKeyRing();
  const keys = options.keys ?? KEYS;
  const tokens: UserSources['tokens'] =
    keys.length === 0 ? undefined : { verify: async (token) => verify(token, now()), close: () => undefined };
  const authenticator = setUp({
    keys,
    ring,
    openWebUi: { trustUserHeaders: keys.length > 0 },
    ...(tokens === undefined ? {} : { tokens }),
  });
  const failures = { limit: options.failureLimit ?? 1_000, windowMs: 60_000 };
  const identity = {
    authenticator,
    ring,
    limits: new LogInLimits({ failures: new LocalFailures(failures, { now }), now }),
  };
  const client = createClientAddress(options.trustProxy ?? TRUST_NONE);
  const events: AuditEvent[] = [];
  const log = {
    assertAvailable: () => {
      if (options.isAuditRequired) throw new AuditUnavailableError('The audit log cannot be written.');
    },
    record: (event: AuditEvent) => void events.push(event),
  };
  const audit = new AuditTrail(log, client);
  const vault = new PageVault();
  const settings = {
    publicUrl: options.publicUrl,
    rootPath: '',
    pathPrefix: '/',
    strictAuth: options.strictAuth ?? false,
  };
  const access = new PageAccess({
    settings,
    ownHosts: createOwnHosts({ host: '127.0.0.1', publicUrl: options.publicUrl, allowedHosts: [] }, client),
    identity,
    client,
    pageSessions: new MemoryPageSessions(now),
    sessions: new PageSessions([Buffer.alloc(32, 7)], now),
    openWebUi: { user: async () => undefined },
    audit,
    now,
  });
  const links = new SetupLinkAccess({ access, identity, client, vault, audit });
  const logIn = createCredentialLogIn({ access, identity, client, audit, now });
  const userVariables = new MemoryVariables();
  const rate = { limit: options.callLimit ?? 10_000, windowMs: 60_000 };
  const callLimit = new RateLimit({ rate, tooMuch: 'Too many calls from you' });

  const setupLinks: SetupLinks = {
    create: async ({ issuer, subject }, server) => ({
      url: `http://vault.example/vault/link/${vault.createLink({ owner: { issuer, subject }, server })}`,
      expiresAt: now() + 900_000,
    }),
  };

  const app = express();
  app.use(pageHeaders);
  app.use(
    '/vault/api',
    createVaultApi({ access, identity, client, audit, settings, userVariables, callLimit, setupLinks }),
  );
  app.use(undecodable);
  app.get('/vault', async (request, response) => {
    const session = await access.session(request);
    response.json({ session: session ?? null, token: session === undefined ? null : access.formToken(session) });
  });
  const answerLink = (response: express.Response, visit: LinkVisit) => {
    if (visit.kind !== 'entered') return void response.json({ kind: visit.kind, link: visit.link });
    response.json({ kind: visit.kind, session: visit.session, token: access.formToken(visit.session) });
  };
  app.get('/vault/link/:token', async (request, response) => {
    answerLink(response, await links.read({ request, response }, request.params.token));
  });
  app.post('/vault/link/:token', async (request, response) => {
    access.assertOwnForm(request, undefined);
    answerLink(response, await links.redeem({ request, response }, request.params.token));
  });
  app.post('/vault/log-in', express.urlencoded(), async (request, response) => {
    access.assertOwnForm(request, undefined);
    const session = await logIn({ request, response }, (request.body as { credential?: string }).credential ?? null);
    response.json({ session, token: access.formToken(session) });
  });
  app.post('/vault/log-out', express.urlencoded(), async (request, response) => {
    const form = request.body as { form_token?: string } | undefined;
    access.assertOwnForm(request, await access.session(request), form?.form_token);
    await access.logOut({ request, response });
    response.end();
  });
  app.use(() => {
    throw new NotFoundError('nothing here');
  });
  const logs: LogLine[] = [];
  const failed: ErrorRequestHandler = (error, request, response, _next) =>
    answerError(error, request, response, collectingLogger(logs));
  app.use(failed);
  const server = createServer((request, response) => {
    response.setHeader('X-Request-Id', 'the-request');
    app(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    origin: `http://127.0.0.1:${port}`,
    events,
    logs,
    ring,
    settings: userVariables,
    setTime: (ms) => {
      time = ms;
    },
    vault,
    createLink: (owner, server) => vault.createLink({ owner, server }),
    send: (method, path, request) => sendRequest(port, method, path, request),
    close: () => closeServer(server),
  };
}

export const bearer = (key: string) => ({ Authorization: `Bearer ${key}` });

/** What a browser keeps of an answer and sends back. */
export function cookieOf(answer: HttpAnswer): string {
  return answer.headers['set-cookie']?.[0]?.split(';')[0] ?? '';
}

function verify(token: string, now: number): UserPrincipal {
  if (token !== 'bob.to.ken') throw new TokenRefusedError('not-valid', '');
  return {
    kind: 'user',
    ...BOB,
    email: 'bob@example.org',
    name: 'Bob',
    role: undefined,
    groups: ['devs'],
    scopes: new Scopes(['call']),
    keyId: undefined,
    chatId: undefined,
    token: { isAccessToken: true, expiresAt: now + BOB_TOKEN_MS },
  };
}

function closeServer(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(() => resolve()));
}

/** User settings in memory: the servers `tracker` and `wiki` with the variable `TOKEN` each. */
class MemoryVariables implements UserVariables {
  readonly values = new Map<string, Map<string, string>>();
  /** The users it was asked about, with what was known of them. */
  readonly users: UserProfile[] = [];
  readonly #servers = ['tracker', 'wiki'];

  async list(user: UserProfile): Promise<readonly ServerVariables[]> {
    return Promise.all(this.#servers.map((server) => this.get(user, server)));
  }

  async get(user: UserProfile, server: string): Promise<ServerVariables> {
    this.users.push(user);
    this.#check(server);
    const isSet = this.#of(user).has(`${server}/TOKEN`);
    return {
      server,
      title: server.toUpperCase(),
      variables: [
        {
          name: 'TOKEN',
          variable: {
            title: 'Token',
            description: undefined,
            required: true,
            sensitive: true,
            default: undefined,
            choices: undefined,
            pattern: undefined,
            helpUrl: 'https://example.org/help',
          },
          isSet,
          isReadable: true,
          updatedAt: isSet ? Date.UTC(2026, 0, 2, 3, 4, 5) : undefined,
          lastUsedAt: undefined,
          lastFour: isSet ? 'last' : undefined,
        },
      ],
      status: isSet ? 'ready' : 'missing',
      refusedSince: undefined,
    };
  }

  async save(
    user: UserProfile,
    server: string,
    values: ReadonlyMap<string, string>,
    options?: { readonly isTested?: boolean },
  ): Promise<void> {
    this.users.push(user);
    for (const [name, value] of values) {
      this.#check(server, name);
      if (value === '') throw new UserVariableValueError('Token of tracker must not be empty.');
      if (options?.isTested && value.startsWith('bad')) throw new UserVariableTestError('tracker refused it.');
      this.#of(user).set(`${server}/${name}`, value);
    }
  }

  async remove(user: UserProfile, server: string, name: string): Promise<boolean> {
    this.#check(server, name);
    return this.#of(user).delete(`${server}/${name}`);
  }

  async testConnection(user: UserProfile, server: string) {
    this.#check(server);
    const isSet = this.#of(user).has(`${server}/TOKEN`);
    return isSet
      ? { ok: true, tools: ['search'], error: undefined }
      : { ok: false, tools: [], error: 'tracker needs your Token.' };
  }

  async plainValues() {
    return new Map<string, ReadonlyMap<string, string>>();
  }

  async isKnown(user: UserId): Promise<boolean> {
    return (this.values.get(toUserKey(user))?.size ?? 0) > 0;
  }

  async recentUses() {
    return [];
  }

  async erase(user: UserId): Promise<number> {
    const { size } = this.#of(user);
    this.values.delete(toUserKey(user));
    return size;
  }

  #of(user: UserId): Map<string, string> {
    const key = toUserKey(user);
    const values = this.values.get(key) ?? new Map<string, string>();
    this.values.set(key, values);
    return values;
  }

  #check(server: string, name = 'TOKEN'): void {
    if (!this.#servers.includes(server)) throw new NotFoundError('There is no such server.');
    if (name !== 'TOKEN') throw new NotFoundError('There is no such user variable.');
  }
}
