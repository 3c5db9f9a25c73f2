import { createHash } from 'node:crypto';
import { beforeAll, describe, expect } from '@jest/globals';
import { encodeToken, hs256 } from '../../fixtures/forged-tokens.ts';
import { fixture, type Service, startService, test } from '../harness.ts';
import { visitByLogIn } from '../vault-visit.ts';

const env = {
  JWT_SECRET: 'secret-of-the-test-that-is-long-enough-6b1f',
  MCPO_TRUST_USER_HEADERS: 'true',
  MCPO_AUTH_FAILURE_LIMIT: 'off',
};
const personal = () =>
  fixture('whoami.js', [], { env: { TOKEN: '${TOKEN}' }, userVars: { TOKEN: { title: 'Token' } } });

const keyOf = (id: string) => `${id}-key-of-the-test-7c1e9b40`;
const entry = (id: string, scopes: readonly string[], more: object = {}) => ({
  id,
  hash: createHash('sha256').update(keyOf(id)).digest('hex'),
  scopes,
  ...more,
});

const config = {
  mcpServers: { open: fixture('answers.js'), mine: personal(), other: personal() },
  auth: {
    roles: { admin: ['call', 'docs', 'vault', 'admin'], reader: ['call:open/echo_line'] },
    keys: [
      entry('narrow', ['call:open/echo'], { assertsUser: true }),
      entry('owui', ['call', 'docs'], { assertsUser: true }),
      entry('chief', ['call', 'admin'], { assertsUser: true }),
      entry('half', ['call:open/e*', 'vault'], { assertsUser: true }),
      entry('of-ada', ['call:mine'], { user: 'ada' }),
      entry('of-bob', ['vault'], { user: 'bob' }),
      entry('docs-of-eve', ['docs', 'metrics'], { user: 'eve' }),
    ],
  },
};

const bearer = (credential: string) => ({ authorization: `Bearer ${credential}` });
/** As Open WebUI calls for a user. */
const through = (id: string, user: string, role = 'user') => ({
  ...bearer(keyOf(id)),
  'x-openwebui-user-id': user,
  'x-openwebui-user-role': role,
});

describe('scopes', () => {
  let service: Service;
  const tokens = new Map<string, string>();
  beforeAll(async () => {
    service = await startService({ config, env });
    for (const scope of ['docs', 'metrics', 'call:open', 'call:mine/*', 'vault', 'admin', '']) {
      const exp = Math.floor(Date.now() / 1_000) + 3_600;
      const claims = { sub: 'eve', exp, ...(scope === '' ? {} : { scope }) };
      tokens.set(scope, encodeToken({ alg: 'HS256', typ: 'JWT' }, claims, hs256(env.JWT_SECRET)));
    }
  }, 60_000);

  type Headers = Readonly<Record<string, string>>;
  const statusOf = async (method: string, path: string, headers: Headers, body?: object) =>
    (
      await service.request(method, path, {
        headers: { ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
        body: body && JSON.stringify(body),
      })
    ).status;
  const variable = (server: string) => `/vault/api/servers/${server}/variables/TOKEN`;
  const listed = async (headers: Headers) => {
    const answer = await service.get('/vault/api/servers', headers);
    return answer.status === 200
      ? (answer.json() as readonly { server: string }[]).map(({ server }) => server)
      : answer.status;
  };
  const own = async (headers: Headers) => ({
    list: await listed(headers),
    mine: await statusOf('PUT', variable('mine'), headers, { value: 'x1' }),
    other: await statusOf('PUT', variable('other'), headers, { value: 'x1' }),
    test: await statusOf('POST', '/vault/api/servers/mine/test', headers),
    remove: await statusOf('DELETE', variable('mine'), headers),
    erase: await statusOf('DELETE', '/vault/api/me', headers),
  });
  const nothing = { list: 403, mine: 403, other: 403, test: 403, remove: 403, erase: 403 };
  const everything = { list: ['mine', 'other'], mine: 204, other: 204, test: 200, remove: 204, erase: 204 };
  const onlyMine = { list: ['mine'], mine: 204, other: 403, test: 200, remove: 204, erase: 403 };

  for (const [scope, allowed] of [
    ['docs', nothing],
    ['metrics', nothing],
    ['admin', nothing],
    ['call:open', { ...nothing, list: [] }],
    ['call:mine/*', onlyMine],
    ['vault', everything],
    ['', everything],
  ] as const) {
    test(`a token with ${scope === '' ? 'no scope claim' : `the scope ${scope}`} and one's own values`, async () => {
      expect(await own(bearer(tokens.get(scope) ?? ''))).toEqual(allowed);
    });
  }

  test('the scope vault calls no tool', async () => {
    expect(await statusOf('POST', '/open/text', bearer(tokens.get('vault') ?? ''))).toBe(403);
  });

  test("a personal key and one's own values", async () => {
    expect(await own(bearer(keyOf('of-ada')))).toEqual(onlyMine);
    expect(await own(bearer(keyOf('of-bob')))).toEqual(everything);
    expect(await own(bearer(keyOf('docs-of-eve')))).toEqual(nothing);
  });

  test('the role admin, asserted through a key, allows nothing that the key may not', async () => {
    const narrow = through('narrow', 'mallory', 'admin');
    expect(await statusOf('POST', '/open/echo', narrow)).toBe(200);
    expect(await statusOf('POST', '/open/text', narrow)).toBe(403);
    expect(await own(narrow)).toEqual({ ...nothing, list: [] });
    for (const id of ['narrow', 'owui', 'half']) {
      const admin = through(id, 'mallory', 'admin');
      const path = '/vault/api/users/ada/servers/mine/variables/TOKEN';
      expect([id, await statusOf('PUT', path, admin, { value: 'stolen' })]).toEqual([id, 403]);
      expect([id, await statusOf('DELETE', '/vault/api/users/ada', admin)]).toEqual([id, 403]);
    }
  });

  test('a key with the scope admin makes no admin of users without the role', async () => {
    const path = '/vault/api/users/ada';
    expect(await statusOf('DELETE', path, through('chief', 'eve'))).toBe(403);
    expect(await statusOf('DELETE', path, through('chief', 'boss', 'admin'))).toBe(204);
    expect(await statusOf('DELETE', path, bearer(keyOf('chief')))).toBe(204);
  });

  test('of two patterns a tool must match both', async () => {
    const calls = async (headers: Headers) =>
      Object.fromEntries(
        await Promise.all(
          ['echo', 'echo_line', 'text'].map(async (tool) => [tool, await statusOf('POST', `/open/${tool}`, headers)]),
        ),
      ) as Record<string, number>;
    expect(await calls(through('half', 'ada'))).toEqual({ echo: 200, echo_line: 200, text: 403 });
    expect(await calls(through('narrow', 'ada', 'reader'))).toEqual({ echo: 200, echo_line: 403, text: 403 });
    expect(await own(through('half', 'ada'))).toEqual(everything);
    expect(await own(through('owui', 'ada'))).toEqual(everything);
  });

  test('pages show and change what the scopes of the log-in allow', async () => {
    const ask = (method: string, path: string, options = {}) => service.request(method, path, options);
    const visit = await visitByLogIn(ask, service.url, keyOf('of-ada'));
    const page = await visit.get('/vault');
    expect(page.text).toContain('/servers/mine');
    expect(page.text).not.toContain('/servers/other');
    expect((await visit.post('/vault/servers/mine', { 'value.TOKEN': 'x1' })).status).toBeLessThan(500);
    expect((await visit.post('/vault/servers/other', { 'value.TOKEN': 'x1' })).status).toBe(403);
    expect((await visit.post('/vault/servers/other/test', {})).status).toBe(403);
    expect((await visit.post('/vault/servers/other/remove', { name: 'TOKEN' })).status).toBe(403);
    expect((await visit.post('/vault/erase', { confirm: 'yes' })).status).toBe(403);
    expect((await visit.get('/admin')).status).toBe(403);
    // The same cookie at the JSON API.
    expect(await listed({ cookie: visit.cookie })).toEqual(['mine']);
    const form = { cookie: visit.cookie, origin: service.url, 'x-form-token': visit.formToken };
    expect(await statusOf('PUT', variable('other'), form, { value: 'x1' })).toBe(403);
  });

  test('who may have no values of their own cannot log in to the pages', async () => {
    for (const credential of [keyOf('docs-of-eve'), tokens.get('docs') ?? '', keyOf('owui')]) {
      const answer = await service.request('POST', '/vault/log-in', {
        headers: { origin: service.url, 'content-type': 'application/x-www-form-urlencoded' },
        body: new URLSearchParams({ credential, page: 'admin' }).toString(),
      });
      expect([answer.status, answer.headers['set-cookie']]).toEqual([403, undefined]);
    }
  });
});

describe('documents under --strict-auth', () => {
  const access = { roles: ['admin'] };
  const strict = {
    mcpServers: { open: fixture('answers.js'), mine: personal(), few: fixture('answers.js', [], { access }) },
    auth: {
      keys: [
        entry('docs', ['docs']),
        entry('all', ['call']),
        entry('one', ['call:open']),
        entry('part', ['call:open/e*']),
        entry('values', ['vault']),
      ],
    },
  };

  test('are open with "docs", or with the right to call all that they show', async () => {
    const service = await startService({ config: strict, env, args: ['--strict-auth'] });
    const opened = async (id: string) => {
      const paths = ['/', '/docs', '/openapi.json', '/open', '/open/docs', '/open/openapi.json', '/few/openapi.json'];
      const answers = paths.map(async (path) => [path, (await service.get(path, bearer(keyOf(id)))).status] as const);
      return (await Promise.all(answers)).filter(([, status]) => status === 200).map(([path]) => path);
    };
    expect(await opened('docs')).toHaveLength(7);
    const ofOne = ['/open', '/open/docs', '/open/openapi.json'];
    expect(await opened('all')).toEqual(ofOne);
    expect(await opened('one')).toEqual(ofOne);
    expect(await opened('part')).toEqual([]);
    expect(await opened('values')).toEqual([]);
    expect((await service.get('/open/docs', bearer(keyOf('part')))).text).toContain('call:open');
  });

  test('with the scope "call" alone, where every server is open to all', async () => {
    const { few: _, ...mcpServers } = strict.mcpServers;
    const service = await startService({ config: { ...strict, mcpServers }, env, args: ['--strict-auth'] });
    for (const path of ['/', '/docs', '/openapi.json', '/mine/openapi.json']) {
      expect([path, (await service.get(path, bearer(keyOf('all')))).status]).toEqual([path, 200]);
    }
    expect((await service.get('/openapi.json', bearer(keyOf('one')))).status).toBe(403);
  });
});
