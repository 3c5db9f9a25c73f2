import { afterAll, beforeAll, describe, expect } from '@jest/globals';
import { runCommand, type Service, startService, temporaryFolder, test } from '../harness.ts';
import { startUserHttpServer, type UserHttpServer } from '../user-servers.ts';

const key = 'key-of-the-test-of-values-in-urls';
const as = (user: string, name = user) => ({
  authorization: `Bearer ${key}`,
  'x-openwebui-user-id': user,
  'x-openwebui-user-name': encodeURIComponent(name),
});

let upstream: UserHttpServer;
let service: Service;
let users = 0;

beforeAll(async () => {
  upstream = await startUserHttpServer();
  const userVars = { TENANT: { title: 'Tenant', sensitive: false } };
  const remote = (path: string, more: object = {}) => ({
    type: 'streamable-http',
    url: `${upstream.origin}${path}`,
    userVars,
    ...more,
  });
  service = await startService({
    servers: {
      tenant: remote('/tenants/${TENANT}/mcp'),
      query: remote('/mcp?tenant=${TENANT}&role=viewer'),
      named: remote('/people/${user.name}/mcp', { userVars: {} }),
      joined: remote('/t/.${user.name}/mcp', { userVars: {} }),
      raw: remote('/tenants/${TENANT}/mcp', { rawUrlPlaceholders: true }),
      whole: remote('', { url: '${TENANT}', rawUrlPlaceholders: true, allowedHosts: ['127.0.0.1', '*.example.org'] }),
    },
    args: ['--api-key', key],
    env: { MCPO_TRUST_USER_HEADERS: 'true', MCPO_DATA_DIR: temporaryFolder() },
  });
});

afterAll(async () => void (await service.stop()));

async function save(server: string, user: string, value: string) {
  return service.request('PUT', `/vault/api/servers/${server}/variables/TENANT`, {
    headers: { ...as(user), 'content-type': 'application/json' },
    body: JSON.stringify({ value }),
  });
}

/** Calls with this value as a new user; returns the status and the URLs that the server saw. */
async function attack(server: string, value: string, name?: string) {
  users += 1;
  const user = `user-${users}`;
  const saved = server === 'named' || server === 'joined' ? undefined : await save(server, user, value);
  const before = (await upstream.seen()).length;
  const answer = await service.call(server, 'show', {}, as(user, name ?? user));
  const seen = (await upstream.seen()).slice(before);
  return {
    saved: saved?.status,
    status: answer.status,
    text: answer.text,
    urls: [...new Set(seen.map(({ url }) => url))],
  };
}

const escapes = [
  '../../admin',
  '..\\..\\admin',
  '../../admin?x=',
  '../../admin#',
  '%2e%2e/%2e%2e/admin',
  '..%2f..%2fadmin',
  'a/../../../admin',
  '/admin',
  '@evil.example/',
  ';/../../admin',
  '${user.id}',
];

describe('a value in a url is data', () => {
  test('in the path', async () => {
    for (const value of escapes) {
      const { status, urls } = await attack('tenant', value);
      expect([value, status, urls]).toEqual([value, 200, [`/tenants/${encodeURIComponent(value)}/mcp`]]);
    }
  });

  test('in the query', async () => {
    for (const value of [...escapes, 'me&role=admin', 'me#', 'a+b c']) {
      const { status, urls } = await attack('query', value);
      expect([value, status, urls.length]).toEqual([value, 200, 1]);
      const { pathname, searchParams } = new URL(urls[0] ?? '', upstream.origin);
      expect([pathname, ...searchParams]).toEqual(['/mcp', ['tenant', value], ['role', 'viewer']]);
    }
  });

  test('where it is what users can edit about themselves', async () => {
    for (const name of escapes) {
      const { status, urls } = await attack('named', '', name);
      expect([name, status, urls]).toEqual([name, 200, [`/people/${encodeURIComponent(name)}/mcp`]]);
    }
  });
});

describe('a value that no encoding keeps in its place is refused', () => {
  test('when it is saved', async () => {
    for (const value of ['.', '..']) {
      const { saved, status, urls } = await attack('tenant', value);
      expect([value, saved, status, urls]).toEqual([value, 422, 428, []]);
    }
  });

  test('when it is used, and the server sees nothing', async () => {
    for (const [server, name] of [
      ['named', '.'],
      ['named', '..'],
      ['joined', '.'],
    ] as const) {
      const { status, text, urls } = await attack(server, '', name);
      expect([server, name, status, urls]).toEqual([server, name, 422, []]);
      expect(text).toContain('The value of user.name cannot be part of the server');
    }
  });
});

describe('raw values', () => {
  test('are passed as they are where the admin says so', async () => {
    const { status, urls } = await attack('raw', 'a/b?c=d');
    expect([status, urls]).toEqual([200, ['/tenants/a/b?c=d/mcp']]);
  });

  test('may be the whole url, if its host is listed', async () => {
    const { status, urls } = await attack('whole', `${upstream.origin}/own/mcp`);
    expect([status, urls]).toEqual([200, ['/own/mcp']]);
  });

  test('lead to no other host', async () => {
    for (const value of [
      'http://localhost:1/mcp',
      'http://127.0.0.2:1/mcp',
      'http://[::1]:1/mcp',
      'http://0.0.0.0:1/mcp',
      'http://evil.example/mcp',
      'http://127.0.0.1@evil.example/mcp',
      'http://evil.example\\.example.org/mcp',
      'http://example.org.evil.example/mcp',
      'file:///etc/passwd',
      'mcp',
    ]) {
      const { status, text, urls } = await attack('whole', value);
      expect([value, status, urls]).toEqual([value, 422, []]);
      expect(text).toContain('allowedHosts');
    }
  });

  test('need a list of hosts where they say which host it is', async () => {
    for (const [more, message] of [
      [{}, 'scheme, host and port must be written out'],
      [{ allowedHosts: ['*'] }, 'must be a host such as'],
    ] as const) {
      const one = { url: 'http://${HOST}/mcp', userVars: { HOST: {} }, rawUrlPlaceholders: true, ...more };
      const { code, stderr } = await runCommand(['check'], { servers: { one } });
      expect([code, stderr]).toEqual([2, expect.stringContaining(message)]);
    }
  });
});
