import { beforeAll, describe, expect } from '@jest/globals';
import { encodeToken, hs256 } from '../../fixtures/forged-tokens.ts';
import { auditFile, lineOf } from '../audit-lines.ts';
import { fixture, type Service, startService, test, waitFor } from '../harness.ts';

const env = { JWT_SECRET: 'secret-of-the-test-that-is-long-enough-6b1f' };
const composed = 'löschen'.normalize('NFC');
const decomposed = 'löschen'.normalize('NFD');
const names = ['delete all', 'a+b', decomposed, 'größe'.normalize('NFC'), 'read', 'lob'];
const onlyRoot = { users: ['mcpo-ts:root'] };

const servers = {
  rules: fixture('named.js', names, {
    access: { tools: { 'delete all': onlyRoot, 'a+b': onlyRoot, [composed]: onlyRoot, 'GRÖSSE*': onlyRoot } },
  }),
  patterns: fixture('named.js', names, {
    access: { tools: { 'delete *': onlyRoot, ['grö*'.normalize('NFD')]: onlyRoot } },
  }),
  scoped: fixture('named.js', names),
  without: fixture('named.js', names, { disabledTools: [composed, 'grösse', 'größe'.normalize('NFD')] }),
  only: fixture('named.js', names, { enabledTools: [composed, 'größe'.normalize('NFD')] }),
  personal: fixture('named.js', names, { env: { WHO: '${user.id}' }, access: { tools: { 'delete all': onlyRoot } } }),
};

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

function tokenOf(user: string, ...scopes: string[]): string {
  const exp = Math.floor(Date.now() / 1_000) + 3_600;
  const claims = { sub: user, exp, ...(scopes.length === 0 ? {} : { scope: scopes.join(' ') }) };
  return encodeToken({ alg: 'HS256', typ: 'JWT' }, claims, hs256(env.JWT_SECRET));
}

describe('a rule about a tool, and spellings of its name', () => {
  const file = auditFile();
  let service: Service;
  let [eve, root, reader] = ['', '', ''];
  beforeAll(async () => {
    service = await startService({ servers, env: { ...env, SECURITY_LOG_FILE: file } });
    // `lo*` allows "lob". A decomposed "löschen" begins with the letters l and o as well.
    [eve, root] = [tokenOf('eve'), tokenOf('root')];
    reader = tokenOf('eve', 'call:scoped/lo*', 'call:scoped/delete+all', 'call:scoped/read');
  }, 60_000);

  const post = (path: string, token: string) => service.request('POST', path, { headers: bearer(token) });

  for (const [name, spellings] of [
    ['delete all', ['delete%20all', 'delete+all', 'delete%2Ball', '%64elete+all', 'delete%2ball', 'delete+all/']],
    ['a+b', ['a+b', 'a%2Bb', '%61%2bb']],
    [decomposed, ['lo%CC%88schen', 'l%C3%B6schen', 'lo%cc%88%73chen']],
  ] as const) {
    test(`${name} is forbidden by its name, however it is spelled`, async () => {
      for (const spelling of spellings) {
        const refused = await post(`/rules/${spelling}`, eve);
        expect([spelling, refused.status]).toEqual([spelling, 403]);
        const { resource, event_type } = await lineOf(file, refused);
        expect([spelling, resource, event_type]).toEqual([spelling, `rules/${name}`, 'refusal']);
        const allowed = await post(`/rules/${spelling}`, root);
        expect([spelling, allowed.text]).toEqual([spelling, JSON.stringify(`I am ${name}`)]);
        expect((await lineOf(file, allowed)).resource).toBe(`rules/${name}`);
      }
    });
  }

  test('a pattern is about the name as well', async () => {
    for (const spelling of ['delete+all', 'delete%2Ball', 'delete%20all', 'gr%C3%B6%C3%9Fe', 'gro%CC%88%C3%9Fe']) {
      expect([spelling, (await post(`/patterns/${spelling}`, eve)).status]).toEqual([spelling, 403]);
      expect([spelling, (await post(`/patterns/${spelling}`, root)).status]).toEqual([spelling, 200]);
    }
    expect((await post('/patterns/read', eve)).status).toBe(200);
  });

  test('a scope is about the name as well', async () => {
    const statuses: Record<string, number> = {};
    for (const spelling of ['lob', 'read', 'lo%CC%88schen', 'l%C3%B6schen', 'delete+all', 'delete%2Ball', 'a+b']) {
      statuses[spelling] = (await post(`/scoped/${spelling}`, reader)).status;
    }
    expect(statuses).toEqual({
      lob: 200,
      read: 200,
      'lo%CC%88schen': 403,
      'l%C3%B6schen': 403,
      'delete+all': 403,
      'delete%2Ball': 403,
      'a+b': 403,
    });
  });

  test('a refusal says no more of tools that exist than of those that do not', async () => {
    const detailOf = async (path: string, name: string) =>
      JSON.stringify((await post(path, reader)).json()).replaceAll(name, '…');
    expect(await detailOf('/scoped/a+b', 'a+b')).toBe(await detailOf('/scoped/x+y', 'x+y'));
    expect(await detailOf('/scoped/largest', 'largest')).toBe(await detailOf('/scoped/no_such', 'no_such'));
  });

  test('disabled and enabled tools are so however the file composes their letters', async () => {
    const statusOf = async (server: string, spelling: string) => (await post(`/${server}/${spelling}`, root)).status;
    for (const spelling of ['lo%CC%88schen', 'l%C3%B6schen', 'gr%C3%B6%C3%9Fe', 'gro%CC%88%C3%9Fe']) {
      expect([spelling, await statusOf('without', spelling)]).toEqual([spelling, 404]);
      expect([spelling, await statusOf('only', spelling)]).toEqual([spelling, 200]);
    }
    expect([await statusOf('without', 'read'), await statusOf('only', 'read')]).toEqual([200, 404]);
  });

  test('where only the session of the caller lists the tools, it is resolved there', async () => {
    const statuses: unknown[] = [];
    for (const [token, spelling] of [
      [eve, 'delete+all'],
      [eve, 'delete%2Ball'],
      [eve, 'read'],
      [root, 'delete+all'],
      [eve, 'lo%CC%88schen'],
    ] as const) {
      statuses.push((await post(`/personal/${spelling}`, token)).status);
    }
    expect(statuses).toEqual([403, 403, 200, 200, 200]);
  });
});

test('while a server starts, a call waits for the name before it is judged', async () => {
  const slow = fixture('named.js', names, {
    env: { START_DELAY_MS: '1500' },
    access: { tools: { 'delete all': onlyRoot } },
  });
  const service = await startService({ servers: { slow }, env, waitForReady: false });
  const [eve, root] = [tokenOf('eve'), tokenOf('root')];
  const statusOf = async (spelling: string, token: string) =>
    (await service.request('POST', `/slow/${spelling}`, { headers: bearer(token) })).status;
  expect(
    await Promise.all([
      statusOf('delete+all', eve),
      statusOf('delete%2Ball', eve),
      statusOf('delete%20all', eve),
      statusOf('delete+all', root),
      statusOf('read', eve),
      statusOf('nothing', eve),
    ]),
  ).toEqual([403, 403, 403, 200, 200, 404]);
});

test('who may call nothing of a server starts no session of it and does not wait for it', async () => {
  const service = await startService({
    servers: {
      personal: fixture('named.js', names, { env: { WHO: '${user.id}' } }),
      staff: fixture('named.js', names, { env: { WHO: '${user.id}' }, access: { roles: ['staff'] } }),
      hangs: fixture('hang.js'),
    },
    env,
    waitForReady: false,
  });
  await waitFor(() => service.children().length > 0, 5_000, 'the hanging server to be started');
  const [other, docs] = [tokenOf('eve', 'call:other'), tokenOf('eve', 'docs')];
  const eve = tokenOf('eve', 'call:personal/read', 'call:staff', 'call:hangs/read');
  for (const [token, path] of [
    [other, '/personal/read'],
    [other, '/personal/delete+all'],
    [docs, '/personal/read'],
    [docs, '/hangs/read'],
    [eve, '/personal/delete+all'],
    [eve, '/staff/read'],
    [eve, '/hangs/delete+all'],
  ] as const) {
    expect([path, (await service.request('POST', path, { headers: bearer(token) })).status]).toEqual([path, 403]);
  }
  expect(service.children().filter(({ command }) => command.includes('named.js'))).toEqual([]);
});

test('names of no tool count against the limit of calls', async () => {
  const service = await startService({
    servers: { rules: servers.rules },
    env: { ...env, MCPO_RATE_LIMIT: '3/1m' },
  });
  const eve = bearer(tokenOf('eve'));
  const statuses: number[] = [];
  for (const name of ['nothing', 'no+thing', 'no%2Bthing', 'read', 'nothing']) {
    statuses.push((await service.request('POST', `/rules/${name}`, { headers: eve })).status);
  }
  expect(statuses).toEqual([404, 404, 404, 429, 429]);
});
