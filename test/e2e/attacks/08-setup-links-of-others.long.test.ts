import { beforeAll, describe, expect } from '@jest/globals';
import { fixture, runCommand, type Service, startService, temporaryFolder, test, waitFor } from '../harness.ts';
import { type Ask, formHeaders, visitByLink, visitByLogIn } from '../vault-visit.ts';

const KEY = 'key-for-setup-links-of-others-9a';
const dataDir = temporaryFolder();
const env = { MCPO_API_KEY: KEY, MCPO_TRUST_USER_HEADERS: 'true', MCPO_DATA_DIR: dataDir };
const servers = {
  jira: fixture('whoami.js', [], {
    env: { TOKEN: '${TOKEN}' },
    userVars: { TOKEN: { title: 'Jira token' } },
  }),
};
const as = (user: string) => ({
  authorization: `Bearer ${KEY}`,
  'x-openwebui-user-id': user,
  'x-openwebui-user-name': `Name of ${user}`,
  'x-openwebui-user-email': `${user}@example.org`,
});

describe('a setup link', () => {
  let service: Service;
  const ask: Ask = (method, path, options) => service.request(method, path, options);
  const keys = new Map<string, string>();
  const newKey = async (user: string) => {
    const id = `of-${user}-${keys.size}-${Date.now()}`;
    keys.set(user, (await runCommand(['key', 'create', '--id', id, '--user', user], { env })).stdout.trim());
  };
  beforeAll(async () => {
    await newKey('ann');
    service = await startService({ servers, env });
  }, 90_000);

  const bearer = (user: string) => ({ authorization: `Bearer ${keys.get(user)}` });
  const logIn = (user: string) => visitByLogIn(ask, service.url, keys.get(user) ?? '');
  const linkOf = async (user: string): Promise<string> => {
    const answer = await service.call('jira', 'whoami', {}, as(user));
    expect(answer.status).toBe(428);
    return new URL((answer.json() as { detail: { setup_url: string } }).detail.setup_url).pathname;
  };
  const isSet = async (user: string) => {
    const [jira] = (await service.get('/vault/api/servers', as(user))).json() as { variables: { is_set: boolean }[] }[];
    return jira?.variables[0]?.is_set;
  };
  const post = (path: string, headers: Readonly<Record<string, string>> = {}) =>
    service.request('POST', path, { headers: { ...formHeaders(service.url), ...headers } });

  test('reports whose vault it opens, and looking at it changes nothing', async () => {
    const link = await linkOf('mallory');
    for (const [method, headers] of [
      ['HEAD', {}],
      ['GET', { 'sec-purpose': 'prefetch' }],
      ['GET', { 'user-agent': 'Slackbot-LinkExpanding 1.0' }],
      ['GET', {}],
    ] as const) {
      const answer = await ask(method, link, { headers });
      expect([answer.status, answer.headers['set-cookie']]).toEqual([200, undefined]);
      if (method === 'HEAD') continue;
      expect(answer.text).toContain('Name of mallory');
      expect(answer.text).toContain('mallory@example.org');
      expect(answer.text).toContain('jira');
      expect(answer.text).toContain('This is me');
    }
    expect((await post(link)).status).toBe(303);
    expect((await post(link)).status).toBe(410);
  });

  test('is not redeemed by a page of another site', async () => {
    const link = await linkOf('mallory');
    for (const headers of [
      { origin: 'https://evil.example' },
      { origin: 'null' },
      { origin: 'http://evil.example', host: 'evil.example' },
      { 'sec-fetch-site': 'cross-site' },
    ]) {
      const answer = await post(link, headers);
      expect([answer.status, answer.headers['set-cookie']]).toEqual([403, undefined]);
    }
    expect((await post(link)).status).toBe(303);
  });

  test('never takes the place of somebody else who is logged in', async () => {
    const ann = await logIn('ann');
    const link = await linkOf('mallory');
    for (const answer of [await ann.get(link), await post(link, { cookie: ann.cookie })]) {
      expect([answer.status, answer.headers['set-cookie']]).toEqual([409, undefined]);
      expect(answer.text).toContain('log out first');
    }
    // What Ann types is hers.
    expect((await ann.post('/vault/servers/jira', { 'value.TOKEN': 'of ann', action: 'save' })).status).toBe(303);
    expect([await isSet('ann'), await isSet('mallory')]).toEqual([true, false]);
    const out = await ann.post('/vault/log-out', { link: link.slice('/vault/link/'.length) });
    expect(new URL(out.headers.location ?? '', `${service.url}/vault/log-out`).pathname).toBe(link);
    expect((await post(link, { cookie: ann.cookie })).status).toBe(303);
  });

  test('sets and tests, and neither removes nor erases', async () => {
    const visit = await visitByLink(ask, service.url, await linkOf('bob'));
    expect((await visit.post('/vault/servers/jira', { 'value.TOKEN': 'of bob', action: 'save' })).status).toBe(303);
    expect((await visit.post('/vault/servers/jira/test', {})).status).toBe(303);
    expect((await visit.get('/vault')).text).not.toMatch(/Remove|Erase/);
    expect((await visit.post('/vault/servers/jira/remove', { name: 'TOKEN' })).status).toBe(403);
    expect((await visit.post('/vault/erase', { confirm: 'yes' })).status).toBe(403);
    const headers = { cookie: visit.cookie, origin: service.url, 'x-form-token': visit.formToken };
    const remove = await service.request('DELETE', '/vault/api/servers/jira/variables/TOKEN', { headers });
    expect(remove.status).toBe(403);
    expect((await service.request('DELETE', '/vault/api/me', { headers })).status).toBe(403);
    expect(await isSet('bob')).toBe(true);
  });

  test('a log-out ends the session for anyone with a copy of the cookie', async () => {
    const visit = await logIn('ann');
    expect((await service.get('/vault/api/servers', { cookie: visit.cookie })).status).toBe(200);
    expect((await visit.post('/vault/log-out', {})).status).toBe(303);
    expect((await service.get('/vault/api/servers', { cookie: visit.cookie })).status).toBe(401);
    expect((await visit.get('/vault')).text).toContain('name="credential"');
    expect((await visit.post('/vault/servers/jira', { 'value.TOKEN': 'late', action: 'save' })).status).toBe(401);
  });

  test('an erased user has no session left, by the page, by an admin or by the command', async () => {
    const ways = [
      () => service.request('DELETE', '/vault/api/users/eve', { headers: { authorization: `Bearer ${KEY}` } }),
      () => runCommand(['vault', 'erase-user', 'eve', '--yes'], { env }),
      async () => (await logIn('eve')).post('/vault/erase', { confirm: 'yes' }),
    ];
    for (const erase of ways) {
      // An erasure takes the personal keys along.
      await newKey('eve');
      await waitFor(async () => (await service.get('/vault/api/servers', bearer('eve'))).status === 200);
      const [byKey, byLink] = [await logIn('eve'), await visitByLink(ask, service.url, await linkOf('eve'))];
      await erase();
      for (const { cookie } of [byKey, byLink]) {
        expect((await service.get('/vault/api/servers', { cookie })).status).toBe(401);
      }
    }
  });
});

test('an admin who is demoted is one no longer, with the same cookie', async () => {
  const own = { ...env, MCPO_DATA_DIR: temporaryFolder() };
  const create = (id: string, ...more: string[]) => runCommand(['key', 'create', '--id', id, ...more], { env: own });
  const key = (await create('chief', '--user', 'chief', '--scope', 'admin', '--scope', 'call')).stdout.trim();
  expect(key).not.toBe('');
  const service = await startService({ servers, env: own });
  const ask: Ask = (method, path, options) => service.request(method, path, options);
  const visit = await visitByLogIn(ask, service.url, key, 'admin');
  expect((await visit.get('/admin')).status).toBe(200);
  expect((await runCommand(['key', 'revoke', 'chief'], { env: own })).code).toBe(0);
  await waitFor(async () => (await visit.get('/admin')).status === 401, 15_000, 'the end of the session');
  expect((await visit.post('/admin/servers/jira/restart', {})).status).toBe(401);
});
