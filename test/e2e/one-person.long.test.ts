import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect } from '@jest/globals';
import jsonwebtoken from 'jsonwebtoken';
import { auditFile, auditLines } from './audit-lines.ts';
import { runCommand, type Service, startService, temporaryFolder, test, waitFor } from './harness.ts';
import { startUserHttpServer, type UserHttpServer } from './user-servers.ts';

const KEY = 'key-of-the-test-of-one-person-7a1c';
const ISSUER = 'https://id.example.org';
const ISSUER_SECRET = 'secret-of-the-issuer-of-the-test-9c41be';
const JWT_SECRET = 'own-secret-of-the-test-of-persons-08ef11';

type Headers = Readonly<Record<string, string>>;

const oidc = (sub: string, claims: object = {}): Headers => {
  const token = jsonwebtoken.sign({ iss: ISSUER, sub, aud: 'mcpo', ...claims }, ISSUER_SECRET, { expiresIn: 600 });
  return { authorization: `Bearer ${token}` };
};
const openWebUi = (id: string, email: string): Headers => ({
  authorization: `Bearer ${KEY}`,
  'X-OpenWebUI-User-Id': id,
  'X-OpenWebUI-User-Email': email,
});
const verified = (email: string) => ({ email, email_verified: true });

let upstream: UserHttpServer;
const start = async (identity: object | undefined, env: Headers = {}, more: object = {}): Promise<Service> => {
  const server = {
    type: 'streamable-http',
    url: `${upstream.origin}/mcp`,
    headers: { 'X-Token': '${TOKEN}', 'X-User': '${user.issuer} ${user.id}' },
    userVars: { TOKEN: { title: 'Key' } },
    ...more,
  };
  const issuers = [{ issuer: ISSUER, audience: 'mcpo', secret: ISSUER_SECRET }];
  return startService({
    config: { mcpServers: { notes: server }, auth: { issuers, ...(identity && { identity }) } },
    env: { MCPO_API_KEY: KEY, MCPO_TRUST_USER_HEADERS: 'true', JWT_SECRET, ...env },
  });
};
const put = async (service: Service, headers: Headers, value: string) => {
  const path = '/vault/api/servers/notes/variables/TOKEN';
  const body = JSON.stringify({ value });
  const answer = await service.request('PUT', path, {
    headers: { 'content-type': 'application/json', ...headers },
    body,
  });
  expect(answer.status).toBe(204);
};
/** With whose value a call of the user is made, and as whom; the status where it is refused. */
const callAs = async (service: Service, headers: Headers): Promise<unknown> => {
  const answer = await service.call('notes', 'status', {}, headers);
  if (answer.status === 428 || answer.status === 403) return answer.status;
  const seen = (await upstream.seen()).at(-1)?.headers ?? {};
  return `${seen['x-user']}: ${seen['x-token']}`;
};

beforeAll(async () => {
  upstream = await startUserHttpServer();
});

describe('by verified e-mail address', () => {
  const file = auditFile();
  const linkBy = { linkBy: 'email-verified' };

  test('the values follow the person, whichever way they log in, and the change is audited', async () => {
    const dataDir = temporaryFolder();
    const env = { SECURITY_LOG_FILE: file, MCPO_DATA_DIR: dataDir };
    const service = await start(linkBy, env, { access: { users: [`${ISSUER}:s-1`, 'u-2'] } });
    expect(service.stderr()).toMatch(/auth\.identity.*Open WebUI does not verify addresses/);
    await put(service, oidc('s-1', verified('Alice@Example.org')), 'value-of-alice');
    expect(await callAs(service, oidc('s-1', verified('alice@example.org')))).toBe(`${ISSUER} s-1: value-of-alice`);
    // An access rule for one identity counts for the person.
    expect(await callAs(service, openWebUi('u-1', 'ALICE@example.org '))).toBe('open-webui u-1: value-of-alice');
    // From now on a token needs no address.
    expect(await callAs(service, oidc('s-1'))).toBe('open-webui u-1: value-of-alice');
    await put(service, oidc('s-1'), 'newer-value');
    expect(await callAs(service, openWebUi('u-1', 'moved@example.org'))).toBe('open-webui u-1: newer-value');

    // Who comes later with the same address is refused the link, and said so once.
    for (let times = 0; times < 2; times += 1) {
      expect(await callAs(service, openWebUi('u-2', 'alice@example.org'))).toBe(428);
    }
    const events = await waitFor(async () => {
      const found = auditLines(file).filter(({ event_type }) => event_type === 'identity_link');
      return found.length >= 2 ? found : undefined;
    }, 5_000);
    expect(events).toEqual([
      expect.objectContaining({
        action: 'link',
        result: 'success',
        user_id: 'user:10:open-webui:u-1',
        subject_id: `user:${ISSUER.length}:${ISSUER}:s-1`,
        details: { linked_by: 'email-verified', moved_secrets: 1 },
      }),
      expect.objectContaining({ action: 'conflict', result: 'refused', subject_id: 'user:10:open-webui:u-2' }),
    ]);

    const listed = await runCommand(['identity', 'list', '--json'], { env });
    expect(JSON.parse(listed.stdout)).toContainEqual(
      expect.objectContaining({ identity: `${ISSUER}:s-1`, person: 'open-webui:u-1', by: 'email-verified' }),
    );
    const undone = await runCommand(['identity', 'unlink', `${ISSUER}:s-1`], { env });
    expect([undone.code, undone.stdout]).toEqual([0, expect.stringContaining('is a person of its own')]);
    await waitFor(async () => (await callAs(service, oidc('s-1', verified('alice@example.org')))) === 428, 5_000);
    expect(await callAs(service, openWebUi('u-1', 'alice@example.org'))).toBe(403);
  });

  test('an address that the provider does not call verified is no evidence, however it is spelled', async () => {
    const service = await start(linkBy);
    await put(service, openWebUi('u-1', 'alice@example.org'), 'value-of-alice');
    const email = 'alice@example.org';
    const forged = [
      {},
      { email_verified: 'true' },
      { email_verified: 1 },
      { email_verified: [true] },
      { email_verified: false },
    ];
    for (const [index, claims] of forged.entries()) {
      expect([claims, await callAs(service, oidc(`evil-${index}`, { email, ...claims }))]).toEqual([claims, 428]);
    }
    for (const other of [
      'alice+x@example.org',
      'alice@example.org.evil.example',
      'alice @example.org',
      'аlice@example.org',
    ]) {
      expect([other, await callAs(service, oidc(`evil-${other}`, verified(other)))]).toEqual([other, 428]);
    }
    expect(await callAs(service, oidc('s-1', verified(email)))).toBe('open-webui u-1: value-of-alice');
  });

  test('a personal key is of the person, and proves no address', async () => {
    const env = { MCPO_DATA_DIR: temporaryFolder() };
    const service = await start(linkBy, env);
    const made = await runCommand(['key', 'create', '--id', 'k', '--user', `${ISSUER}:s-1`], { env });
    const personal = { authorization: `Bearer ${made.stdout.trim()}` };
    await put(service, oidc('s-1', verified('alice@example.org')), 'value-of-alice');
    await waitFor(async () => (await service.call('notes', 'status', {}, personal)).status !== 403, 5_000);
    expect(await callAs(service, openWebUi('u-1', 'alice@example.org'))).toBe('open-webui u-1: value-of-alice');
    expect(await callAs(service, personal)).toBe('open-webui u-1: value-of-alice');
  });

  test('nothing is linked unless the configuration says so', async () => {
    const service = await start(undefined);
    await put(service, oidc('s-1', verified('alice@example.org')), 'value-of-alice');
    expect(await callAs(service, openWebUi('u-1', 'alice@example.org'))).toBe(428);
    expect(await callAs(service, oidc('s-1'))).toBe(`${ISSUER} s-1: value-of-alice`);
  });
});

describe('by the OIDC subject that Open WebUI names', () => {
  const running: Server[] = [];
  afterAll(() => {
    for (const server of running) server.close();
  });
  /** Answers as Open WebUI does to an admin's key: what it knows of one user. */
  const startOpenWebUi = async (users: Readonly<Record<string, object>>): Promise<string> => {
    const server = createServer(({ url = '', headers }, response) => {
      const user = headers.authorization === 'Bearer sk-of-the-admin' ? users[url] : undefined;
      response.writeHead(user === undefined ? 401 : 200).end(JSON.stringify(user ?? {}));
    });
    running.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  };

  test('its users are the subjects of that issuer, in the form of today and of former versions', async () => {
    const url = await startOpenWebUi({
      '/api/v1/users/u-1': { id: 'u-1', oauth: { google: { sub: 's-9' }, oidc: { sub: 's-1' } } },
      '/api/v1/users/u-2': { id: 'u-2', oauth_sub: 'oidc@s-2' },
      '/api/v1/users/u-3': { id: 'u-1', oauth: { oidc: { sub: 's-3' } } },
    });
    const { publicKey } = await import('node:crypto').then((crypto) =>
      crypto.generateKeyPairSync('ec', {
        namedCurve: 'P-256',
        publicKeyEncoding: { type: 'spki', format: 'pem' },
        privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
      }),
    );
    const identity = { linkBy: 'oidc-sub' };
    const config = {
      mcpServers: {
        notes: {
          type: 'streamable-http',
          url: `${upstream.origin}/mcp`,
          headers: { 'X-Token': '${TOKEN}', 'X-User': '${user.issuer} ${user.id}' },
          userVars: { TOKEN: { title: 'Key' } },
        },
      },
      auth: { identity, issuers: [{ issuer: ISSUER, audience: 'mcpo', publicKey, algorithms: ['ES256'] }] },
    };
    const env = { MCPO_API_KEY: KEY, MCPO_TRUST_USER_HEADERS: 'true', MCPO_DATA_DIR: temporaryFolder() };
    const service = await startService({
      config,
      env: { ...env, MCPO_OPENWEBUI_URL: url, MCPO_OPENWEBUI_API_KEY: 'sk-of-the-admin' },
    });
    const admin = { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' };
    for (const sub of ['s-1', 's-2', 's-3', 's-9']) {
      const path = `/vault/api/users/${sub}/servers/notes/variables/TOKEN?issuer=${encodeURIComponent(ISSUER)}`;
      const body = JSON.stringify({ value: `value-of-${sub}` });
      expect((await service.request('PUT', path, { headers: admin, body })).status).toBe(204);
    }
    expect(await callAs(service, openWebUi('u-1', 'a@example.org'))).toBe('open-webui u-1: value-of-s-1');
    expect(await callAs(service, openWebUi('u-2', 'a@example.org'))).toBe('open-webui u-2: value-of-s-2');
    // An answer about another user, and none.
    expect(await callAs(service, openWebUi('u-3', 'a@example.org'))).toBe(428);
    expect(await callAs(service, openWebUi('../auths/', 'a@example.org'))).toBe(428);
    expect(service.stderr() + service.stdout()).not.toContain('sk-of-the-admin');
  });

  test('the start says what is missing, and which issuer is meant', async () => {
    const issuers = ['https://a.example.org', 'https://b.example.org'].map((issuer) => ({ issuer, audience: 'mcpo' }));
    const auth = { identity: { linkBy: 'oidc-sub' }, issuers };
    const refused = await runCommand([], {
      config: { mcpServers: { x: { command: 'x' } }, auth },
      env: { MCPO_API_KEY: KEY },
    });
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain('has to name the "issuer" that Open WebUI uses');
  });
});

test('a token of ours can be about a user of Open WebUI; a token of another issuer cannot', async () => {
  const service = await start(undefined);
  await put(service, openWebUi('u-1', 'alice@example.org'), 'value-of-alice');
  const env = { JWT_SECRET };
  const { stdout } = await runCommand(['token', 'issue', '--user', 'u-1', '--issuer', 'open-webui'], { env });
  expect(await callAs(service, { authorization: `Bearer ${stdout.trim()}` })).toBe('open-webui u-1: value-of-alice');
  expect(await callAs(service, oidc('u-1', { user_issuer: 'open-webui' }))).toBe(428);
  const other = await runCommand(['token', 'issue', '--user', 'u-1', '--issuer', ISSUER], { env });
  expect([other.code, other.stderr]).toEqual([2, expect.stringContaining('--issuer')]);
});
