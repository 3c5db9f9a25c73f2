import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect } from '@jest/globals';
import { encodeToken, hs256 } from '../fixtures/forged-tokens.ts';
import { auditFile, lineOf } from './audit-lines.ts';
import { fixture, runCommand, type Service, startService, test } from './harness.ts';
import { startHeadersServer } from './remote-servers.ts';

const servers = { answers: fixture('answers.js') };
const userSecret = 'user-jwt-secret-of-the-test-93ab';
const sessionSecret = 'webui-secret-key-of-the-test-5e2d';
const now = Math.floor(Date.now() / 1_000);
const ada = 'user:10:open-webui:ada-1';

type Headers = Readonly<Record<string, string | readonly string[]>>;

/** Two keys: Open WebUI's, which may speak for its users, and another. */
async function makeKeys(): Promise<{ entries: object[]; asserting: string; plain: string }> {
  const make = async (...args: string[]) => {
    const { stdout, stderr } = await runCommand(['key', 'create', '--config-entry', ...args]);
    return { entry: JSON.parse(stdout) as object, key: /: (\S+)\n/.exec(stderr)?.[1] ?? '' };
  };
  const asserting = await make('--id', 'owui', '--asserts-user');
  const plain = await make('--id', 'other');
  return { entries: [asserting.entry, plain.entry], asserting: asserting.key, plain: plain.key };
}

function userJwt(changed: object = {}, secret = userSecret): string {
  const claims = { iss: 'open-webui', sub: 'ada-1', email: 'ada@example.org', role: 'user', iat: now, exp: now + 300 };
  return encodeToken({ alg: 'HS256', typ: 'JWT' }, { ...claims, ...changed }, hs256(secret));
}

const ask = (service: Service, key: string, headers: Headers = {}) =>
  service.request('POST', '/answers/text', { headers: { authorization: `Bearer ${key}`, ...headers } });

/** Who the caller was taken for, by the audit log; the status when he was refused. */
async function whoIs(service: Service, file: string, key: string, headers: Headers): Promise<unknown> {
  const answer = await ask(service, key, headers);
  if (answer.status !== 200) return answer.status;
  return (await lineOf(file, answer)).user_id;
}

const id = { 'X-OpenWebUI-User-Id': 'ada-1' };
const jwt = { 'X-OpenWebUI-User-Jwt': userJwt() };
const plainHeaders = { ...id, 'X-OpenWebUI-User-Email': 'ada%40example.org', 'X-OpenWebUI-User-Role': 'user' };

/** Name, headers, and who that is under each setting with the asserting key. */
const matrix: readonly [name: string, headers: Headers, off: unknown, trusting: unknown, withSecret: unknown][] = [
  ['no header', {}, 'key:owui', 'key:owui', 'key:owui'],
  ['the id', id, 'key:owui', ada, 401],
  ['all plain headers', plainHeaders, 'key:owui', ada, 401],
  ['a name in percent-encoding', { ...id, 'X-OpenWebUI-User-Name': 'Ad%C3%A9' }, 'key:owui', ada, 401],
  ['a chat and no user', { 'X-OpenWebUI-Chat-Id': 'chat-1' }, 'key:owui', 'key:owui', 'key:owui'],
  ['an e-mail without an id', { 'X-OpenWebUI-User-Email': 'ada@example.org' }, 'key:owui', 401, 401],
  ['one whom nobody has let in yet', { ...id, 'X-OpenWebUI-User-Role': 'pending' }, 'key:owui', 403, 401],
  ['an empty id', { 'X-OpenWebUI-User-Id': '' }, 'key:owui', 401, 401],
  ['an id that was not filled in', { 'X-OpenWebUI-User-Id': '{{USER_ID}}' }, 'key:owui', 401, 401],
  ['two ids', { 'X-OpenWebUI-User-Id': ['ada-1', 'bob-2'] }, 'key:owui', 401, 401],
  ['two ids in one', { 'X-OpenWebUI-User-Id': 'ada-1, bob-2' }, 'key:owui', 401, 401],
  ['the id with underscores', { X_OpenWebUI_User_Id: 'ada-1' }, 'key:owui', 'key:owui', 'key:owui'],
  ['a user JWT', jwt, 'key:owui', 401, ada],
  [
    'a user JWT beside another id',
    { ...jwt, 'X-OpenWebUI-User-Id': 'bob-2' },
    'key:owui',
    'user:10:open-webui:bob-2',
    ada,
  ],
  ['an expired one', { 'X-OpenWebUI-User-Jwt': userJwt({ exp: now - 120 }) }, 'key:owui', 401, 401],
  ['one of another secret', { 'X-OpenWebUI-User-Jwt': userJwt({}, 'x'.repeat(32)) }, 'key:owui', 401, 401],
  ['one of another issuer', { 'X-OpenWebUI-User-Jwt': userJwt({ iss: 'forger' }) }, 'key:owui', 401, 401],
  ['one without subject', { 'X-OpenWebUI-User-Jwt': userJwt({ sub: undefined }) }, 'key:owui', 401, 401],
  ['an empty one beside the id', { ...id, 'X-OpenWebUI-User-Jwt': '' }, 'key:owui', ada, 401],
  ['two user JWTs', { 'X-OpenWebUI-User-Jwt': [userJwt(), userJwt()] }, 'key:owui', 401, 401],
];

const settings: readonly [name: string, env: Record<string, string>, column: 2 | 3 | 4][] = [
  ['no setting', {}, 2],
  ['MCPO_TRUST_USER_HEADERS', { MCPO_TRUST_USER_HEADERS: 'true' }, 3],
  ['MCPO_OPENWEBUI_USER_JWT_SECRET', { MCPO_OPENWEBUI_USER_JWT_SECRET: userSecret }, 4],
  ['both', { MCPO_OPENWEBUI_USER_JWT_SECRET: userSecret, MCPO_TRUST_USER_HEADERS: 'true' }, 4],
];

describe.each(settings)('with %s', (_name, env, column) => {
  const file = auditFile();
  let service: Service;
  let keys: Awaited<ReturnType<typeof makeKeys>>;
  beforeAll(async () => {
    keys = await makeKeys();
    const config = { mcpServers: servers, auth: { keys: keys.entries } };
    service = await startService({ config, env: { ...env, SECURITY_LOG_FILE: file, MCPO_AUTH_FAILURE_LIMIT: 'off' } });
  });

  test('the key that asserts users speaks for whom its headers name', async () => {
    const found: unknown[] = [];
    for (const [name, headers] of matrix) found.push([name, await whoIs(service, file, keys.asserting, headers)]);
    expect(found).toEqual(matrix.map((row) => [row[0], row[column]]));
  });

  test('no header makes another key speak for anybody', async () => {
    const found: unknown[] = [];
    for (const [name, headers] of matrix) found.push([name, await whoIs(service, file, keys.plain, headers)]);
    expect(found).toEqual(matrix.map(([name]) => [name, 'key:other']));
  });

  test('headers without a key let nobody in', async () => {
    for (const [name, headers] of matrix) {
      const answer = await service.request('POST', '/answers/text', { headers });
      expect([name, answer.status]).toEqual([name, 401]);
    }
  });

  test('a user JWT is no token to log in with', async () => {
    expect([401, 403]).toContain((await ask(service, userJwt())).status);
  });
});

test('renamed headers count, and the usual names then say nothing', async () => {
  const { entries, asserting } = await makeKeys();
  const file = auditFile();
  const service = await startService({
    config: { mcpServers: servers, auth: { keys: entries, openWebUi: { headers: { userId: 'X-User-Id' } } } },
    env: { MCPO_TRUST_USER_HEADERS: 'true', SECURITY_LOG_FILE: file },
  });
  expect(await whoIs(service, file, asserting, { 'x-user-id': 'ada-1' })).toBe(ada);
  expect(await whoIs(service, file, asserting, { 'x-user-id': '{{USER_ID}}' })).toBe(401);
  expect(await whoIs(service, file, asserting, id)).toBe('key:owui');
});

test('nothing of what the caller sent about himself reaches an MCP server', async () => {
  const { entries, asserting } = await makeKeys();
  const url = `http://127.0.0.1:${await startHeadersServer()}/mcp`;
  const service = await startService({
    config: { mcpServers: { remote: { type: 'streamable-http', url } }, auth: { keys: entries } },
    env: { MCPO_TRUST_USER_HEADERS: 'true' },
  });
  const headers = { authorization: `Bearer ${asserting}`, cookie: 'token=canary-cookie', ...plainHeaders };
  const answer = await service.call('remote', 'headers', {}, headers);
  expect([answer.status, Object.keys(answer.json() as object)]).toEqual([200, expect.arrayContaining(['host'])]);
  for (const sent of [asserting, 'canary-cookie', 'ada', 'openwebui']) expect(answer.text).not.toContain(sent);
});

const sessionToken = (changed: object = {}, secret = sessionSecret) =>
  encodeToken({ alg: 'HS256', typ: 'JWT' }, { id: 'ada-1', exp: now + 600, jti: 'j', ...changed }, hs256(secret));

describe('with MCPO_OPENWEBUI_URL', () => {
  const asked: IncomingMessage[] = [];
  let openWebUi: Server;
  let reply: (request: IncomingMessage, response: ServerResponse) => void;
  let url: string;
  beforeAll(async () => {
    openWebUi = createServer((request, response) => {
      asked.push(request);
      reply(request, response);
    });
    openWebUi.listen(0, '127.0.0.1');
    await once(openWebUi, 'listening');
    url = `http://127.0.0.1:${(openWebUi.address() as AddressInfo).port}`;
  });
  afterAll(() => {
    openWebUi.close();
  });

  test('Open WebUI is asked whose token or sk- key it is, once, and without anything else', async () => {
    const file = auditFile();
    const known = new Set([`Bearer ${sessionToken()}`, 'Bearer sk-of-ada-42']);
    reply = ({ headers }, response) => {
      if (!known.has(headers.authorization ?? '')) return response.writeHead(401).end('{}');
      return response.end(JSON.stringify({ id: 'ada-1', email: 'ada@example.org', name: 'Ada', role: 'user' }));
    };
    const service = await startService({ servers, env: { MCPO_OPENWEBUI_URL: url, SECURITY_LOG_FILE: file } });
    for (const credential of [sessionToken(), 'sk-of-ada-42']) {
      expect(await whoIs(service, file, credential, { cookie: 'token=canary-cookie' })).toBe(ada);
      expect(await whoIs(service, file, credential, {})).toBe(ada);
    }
    expect(asked.map(({ method, url: path }) => `${method} ${path}`)).toEqual(Array(2).fill('GET /api/v1/auths/'));
    expect(JSON.stringify(asked.map(({ headers }) => headers))).not.toContain('canary-cookie');

    expect((await ask(service, sessionToken({ id: 'bob-2' }))).status).toBe(401);
    expect((await ask(service, 'sk-of-nobody')).status).toBe(403);
    expect((await ask(service, sessionToken({ exp: now - 120 }))).status).toBe(401);
  });

  test('with MCPO_OPENWEBUI_SECRET_KEY it is asked only about tokens that it has signed', async () => {
    asked.length = 0;
    reply = ({ headers }, response) => {
      if (headers.authorization !== `Bearer ${sessionToken()}`) return response.writeHead(401).end('{}');
      return response.end(JSON.stringify({ id: 'ada-1', role: 'user' }));
    };
    const file = auditFile();
    const service = await startService({
      servers,
      env: { MCPO_OPENWEBUI_SECRET_KEY: sessionSecret, MCPO_OPENWEBUI_URL: url, SECURITY_LOG_FILE: file },
    });
    expect(await whoIs(service, file, sessionToken(), { cookie: 'token=canary-cookie' })).toBe(ada);
    const refused = [
      sessionToken({ exp: now - 120 }),
      sessionToken({}, 'another-secret-of-the-test'),
      sessionToken({ id: '' }),
      sessionToken({ id: ['ada-1'] }),
      encodeToken({ alg: 'none' }, { id: 'ada-1', exp: now + 600 }, () => Buffer.alloc(0)),
      'sk-1234',
    ];
    for (const token of refused) expect([token, (await ask(service, token)).status]).toEqual([token, 401]);
    // Both of the refused tokens that carry its signature.
    expect(asked).toHaveLength(3);
    expect(service.stdout() + service.stderr()).not.toContain('canary-cookie');
  });

  test('while it is broken nobody is let in, and the service says so', async () => {
    const service = await startService({
      servers,
      env: { MCPO_OPENWEBUI_URL: url, MCPO_API_KEY: 'key-of-the-users-test-5d6e' },
    });
    const broken: (typeof reply)[] = [
      (_request, response) => response.writeHead(500).end(),
      (_request, response) => response.end('<html>'),
      (_request, response) => response.end('{}'),
      (_request, response) => response.writeHead(302, { location: '/api/v1/auths/' }).end(),
      (request) => request.socket.destroy(),
    ];
    for (const [index, one] of broken.entries()) {
      reply = one;
      const answer = await ask(service, `sk-broken-${index}`);
      expect([index, answer.status]).toEqual([index, 503]);
      expect(answer.headers['retry-after']).toMatch(/^\d+$/);
      expect(answer.text).not.toContain(url);
    }
    expect((await ask(service, 'key-of-the-users-test-5d6e')).status).toBe(200);
  });
});
