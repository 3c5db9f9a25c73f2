import { writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect } from '@jest/globals';
import { fixture, runCommand, type Service, startService, temporaryFolder, test } from './harness.ts';
import { startUserHttpServer, type UserHttpServer } from './user-servers.ts';

const KEY = 'key-of-the-test-of-groups-7a1c';
const JWT_SECRET = 'own-secret-of-the-test-of-groups-08ef11';
const forFinance = { ...fixture('answers.js'), access: { groups: ['Finance, EU'] } };
const forIds = { ...fixture('answers.js'), access: { groups: ['6b1f-id'] } };
const servers = { finance: forFinance, ids: forIds };

const statusOf = async (service: Service, server: string, headers: Readonly<Record<string, string>>) =>
  (await service.call(server, 'text', {}, { authorization: `Bearer ${KEY}`, ...headers })).status;

test('access.groups counts for users of headers, of their own tokens, and of Open WebUI sessions', async () => {
  const env = { MCPO_API_KEY: KEY, MCPO_TRUST_USER_HEADERS: 'true', JWT_SECRET };
  const openWebUi = await startOpenWebUi();
  const service = await startService({
    config: { mcpServers: servers },
    env: { ...env, MCPO_OPENWEBUI_URL: openWebUi.url },
  });
  const id = { 'X-OpenWebUI-User-Id': 'ann' };
  expect(await statusOf(service, 'finance', id)).toBe(403);
  expect(await statusOf(service, 'finance', { ...id, 'X-OpenWebUI-User-Groups': 'Ops,Finance%2C EU' })).toBe(200);
  expect(await statusOf(service, 'finance', { ...id, 'X-OpenWebUI-User-Groups': 'Finance, EU' })).toBe(403);
  expect(await statusOf(service, 'ids', { ...id, 'X-OpenWebUI-User-Group-Ids': 'x,6b1f-id' })).toBe(200);
  expect(await statusOf(service, 'ids', { ...id, 'X-OpenWebUI-User-Group-Ids': '{{USER_GROUP_IDS}}' })).toBe(401);

  const { stdout } = await runCommand(['token', 'issue', '--user', 'ann', '--group', 'Finance, EU'], { env });
  const issued = { authorization: `Bearer ${stdout.trim()}` };
  expect(await statusOf(service, 'finance', issued)).toBe(200);
  // A header adds nothing to who comes with a token of their own.
  expect(await statusOf(service, 'ids', { ...issued, 'X-OpenWebUI-User-Group-Ids': '6b1f-id' })).toBe(403);

  const session = { authorization: 'Bearer sk-of-ann-in-finance' };
  expect(await statusOf(service, 'finance', session)).toBe(200);
  expect(await statusOf(service, 'ids', session)).toBe(200);
  expect(await statusOf(service, 'finance', { authorization: 'Bearer sk-of-bob-in-none' })).toBe(403);
  expect(openWebUi.asked.filter((path) => path === '/api/v1/users/groups')).toHaveLength(2);
});

describe('what a remote server is given', () => {
  let upstream: UserHttpServer;
  let service: Service;
  const password = 'file-canary-5f1e';
  const shared = 'environment-canary-88c2';
  beforeAll(async () => {
    upstream = await startUserHttpServer();
    const file = join(temporaryFolder(), 'password');
    writeFileSync(file, `${password}\n`);
    const remote = { type: 'streamable-http', url: `${upstream.origin}/mcp` };
    service = await startService({
      config: {
        mcpServers: {
          users: {
            ...remote,
            headers: {
              Authorization: 'Basic ${base64:${user.email}:${env:SHARED}}',
              'X-Groups': '${user.groups}',
              'X-Issuer': '${user.issuer}',
              'X-Username': '${user.username}',
              'X-User-Token': '${user.jwt}',
            },
          },
          shared: { ...remote, headers: { Authorization: `Basic \${base64:\${env:USER_NAME}:\${file:${file}}}` } },
        },
      },
      env: { MCPO_API_KEY: KEY, MCPO_TRUST_USER_HEADERS: 'true', JWT_SECRET, SHARED: shared, USER_NAME: 'service' },
    });
  });

  const seenAfter = async (server: string, headers: Readonly<Record<string, string>>) => {
    await service.call(server, 'status', {}, { authorization: `Bearer ${KEY}`, ...headers });
    return (await upstream.seen()).at(-1)?.headers ?? {};
  };
  const decoded = (header = '') => Buffer.from(header.replace('Basic ', ''), 'base64').toString();

  test('groups, issuer, a token that names groups and roles, and credentials for Basic authentication', async () => {
    const seen = await seenAfter('users', {
      'X-OpenWebUI-User-Id': 'ann',
      'X-OpenWebUI-User-Email': 'zoë@example.org',
      'X-OpenWebUI-User-Role': 'user',
      'X-OpenWebUI-User-Groups': 'Finance%2C EU,Ops',
    });
    expect(decoded(seen.authorization)).toContain(`:${shared}`);
    expect(seen).toMatchObject({ 'x-groups': 'Finance%2C EU,Ops', 'x-issuer': 'open-webui' });
    expect(seen).not.toHaveProperty('x-username');
    const claims: unknown = JSON.parse(decoded(seen['x-user-token']?.split('.')[1]));
    expect(claims).toMatchObject({ sub: 'ann', role: 'user', roles: ['user'], groups: ['Finance, EU', 'Ops'] });
  });

  test('the name to log in with, from a token that has it', async () => {
    const jsonwebtoken = (await import('jsonwebtoken')).default;
    const token = jsonwebtoken.sign({ sub: 'bea', preferred_username: 'bea.example' }, JWT_SECRET, { expiresIn: 600 });
    const seen = await seenAfter('users', { authorization: `Bearer ${token}` });
    expect(seen).toMatchObject({ 'x-username': 'bea.example', 'x-issuer': 'mcpo-ts' });
  });

  test("the admin's own, from a file, which nothing shows in any form", async () => {
    const seen = await seenAfter('shared', {});
    expect(decoded(seen.authorization)).toBe(`service:${password}`);
    const answer = await service.call('shared', 'fail', {}, { authorization: `Bearer ${KEY}` });
    const shown = answer.text + service.stdout() + service.stderr();
    for (const secret of [
      password,
      seen.authorization?.replace('Basic ', ''),
      Buffer.from(password).toString('base64'),
    ]) {
      expect(shown).not.toContain(secret);
    }
  });
});

const running: Server[] = [];
afterAll(() => {
  for (const server of running) server.close();
});

/** Answers as Open WebUI does for two users, one of them in a group. */
async function startOpenWebUi(): Promise<{ readonly url: string; readonly asked: string[] }> {
  const asked: string[] = [];
  const server = createServer(({ url = '', headers }, response) => {
    asked.push(url);
    const name = /sk-of-(\w+)/.exec(headers.authorization ?? '')?.[1];
    const groups = name === 'ann' ? [{ id: '6b1f-id', name: 'Finance, EU', description: '' }] : [];
    const body =
      url === '/api/v1/users/groups' ? groups : { id: name, name, email: `${name}@example.org`, role: 'user' };
    response
      .writeHead(name === undefined ? 401 : 200, { 'Content-Type': 'application/json' })
      .end(JSON.stringify(body));
  });
  running.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}
