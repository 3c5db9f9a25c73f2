import { afterEach, describe, expect, test } from '@jest/globals';
import { toPrincipalId, toUserPrincipalId, type UserPrincipal } from '../../../../src/auth/principal.ts';
import { Scopes } from '../../../../src/auth/scopes.ts';
import { toUserKey } from '../../../../src/auth/user.ts';
import type { HttpAnswer } from '../../../e2e/http-request.ts';
import {
  ALICE,
  BOB,
  bearer,
  cookieOf,
  type SetUpOptions,
  startVaultService,
  type VaultService,
} from './vault-service.ts';

const started: VaultService[] = [];

afterEach(async () => {
  await Promise.all(started.splice(0).map((service) => service.close()));
});

async function start(options?: SetUpOptions): Promise<VaultService> {
  const service = await startVaultService(options);
  started.push(service);
  return service;
}

const VARIABLE = '/vault/api/servers/tracker/variables/TOKEN';
const CANARY = 'canary-4711-of-alice';
const json = { 'Content-Type': 'application/json' };
const alice = bearer('key-of-alice');
const admin = bearer('key-of-admin');

function put(service: VaultService, path: string, headers: Record<string, string>, body: unknown = { value: CANARY }) {
  return service.send('PUT', path, { headers: { ...json, ...headers }, body: JSON.stringify(body) });
}

const setValue = (service: VaultService, owner = ALICE) =>
  service.settings.values.get(toUserKey(owner))?.get('tracker/TOKEN');

/** A cookie with its form token, as a page of ours has them. */
async function page(service: VaultService, path: string): Promise<Record<string, string>> {
  const answer = await service.send('POST', path, { headers: { Origin: service.origin } });
  const { token } = answer.json() as { token: string };
  return { Cookie: cookieOf(answer), 'X-Form-Token': token, Origin: service.origin };
}

const detail = (answer: HttpAnswer) => (answer.json() as { detail: unknown }).detail;

describe('the list of servers', () => {
  test('reports what is set and never a value', async () => {
    const service = await start();
    expect((await put(service, VARIABLE, alice)).status).toBe(204);
    const answer = await service.send('GET', '/vault/api/servers', { headers: alice });
    expect(answer.status).toBe(200);
    expect(answer.headers['cache-control']).toBe('no-store');
    expect(answer.json()).toEqual([
      {
        server: 'tracker',
        title: 'TRACKER',
        variables: [
          {
            name: 'TOKEN',
            title: 'Token',
            description: null,
            required: true,
            sensitive: true,
            choices: null,
            helpUrl: 'https://example.org/help',
            is_set: true,
            updated_at: '2026-01-02T03:04:05.000Z',
            last_used_at: null,
          },
        ],
        status: 'ready',
      },
      expect.objectContaining({ server: 'wiki', status: 'missing' }),
    ]);
    expect(answer.text).not.toContain('canary');
    expect(answer.text).not.toContain('last_four');
  });

  test("is the user's own, whom a key may assert", async () => {
    const service = await start();
    const asBob = { ...bearer('key-of-webui'), 'X-OpenWebUI-User-Id': 'bob', 'X-OpenWebUI-User-Role': 'user' };
    expect((await put(service, VARIABLE, asBob)).status).toBe(204);
    expect(setValue(service, { issuer: 'open-webui', subject: 'bob' })).toBe(CANARY);
    expect(service.settings.users.at(-1)).toMatchObject({ subject: 'bob', role: 'user' });
    const answer = await service.send('GET', '/vault/api/servers', { headers: alice });
    expect(answer.text).not.toContain('"is_set":true');
  });

  test.each([
    [{}, 401, 'Missing or invalid Authorization header'],
    [bearer('wrong'), 403, 'Invalid API key'],
    [bearer('eyJ.wrong.token'), 401, 'The token is not valid.'],
    [bearer('key-of-robot'), 401, 'The user is unknown'],
    [bearer('key-of-webui'), 401, 'The user is unknown'],
    [{ Authorization: `Basic ${Buffer.from('x:key-of-alice').toString('base64')}` }, 401, 'Missing or invalid'],
    [{ Cookie: 'mcpo-vault=made.up' }, 401, 'Missing or invalid'],
  ])('for %j is %i', async (headers, status, message) => {
    const service = await start();
    const answer = await service.send('GET', '/vault/api/servers', { headers });
    expect(answer.status).toBe(status);
    expect(detail(answer)).toContain(message);
    if (status === 401) expect(answer.headers['www-authenticate']).toContain('Bearer');
  });

  test('is unavailable where authentication is disabled', async () => {
    const service = await start({ keys: [] });
    const answer = await service.send('GET', '/vault/api/servers');
    expect(answer.status).toBe(401);
    expect(detail(answer)).toContain('MCPO_API_KEY');
    expect((await service.send('DELETE', '/vault/api/users/alice')).status).toBe(401);
  });
});

describe('a value', () => {
  test('is set, tested and removed, and the audit log says by whom and for whom', async () => {
    const service = await start();
    expect((await put(service, VARIABLE, alice)).status).toBe(204);
    expect(setValue(service)).toBe(CANARY);
    const tried = await service.send('POST', '/vault/api/servers/tracker/test', { headers: alice });
    expect(tried.json()).toEqual({ ok: true, tools: ['search'], error: null });
    expect((await service.send('DELETE', VARIABLE, { headers: alice })).status).toBe(204);
    expect((await service.send('DELETE', VARIABLE, { headers: alice })).status).toBe(204);
    const failed = await service.send('POST', '/vault/api/servers/tracker/test', { headers: alice });
    expect(failed.json()).toEqual({ ok: false, tools: [], error: 'tracker needs your Token.' });
    const facts = { eventType: 'secret_change', userId: toUserPrincipalId(ALICE), subjectId: toUserPrincipalId(ALICE) };
    const name = 'tracker/TOKEN';
    expect(service.events).toMatchObject([
      { ...facts, action: 'set', resource: name, result: 'success', details: { on_behalf: false, tested: false } },
      { ...facts, action: 'test', resource: 'tracker', result: 'success' },
      { ...facts, action: 'remove', resource: name, result: 'success', details: { was_set: true } },
      { ...facts, action: 'remove', resource: name, result: 'success', details: { was_set: false } },
      { ...facts, action: 'test', resource: 'tracker', result: 'failure', requestId: 'the-request' },
    ]);
    expect(JSON.stringify([service.events, service.logs])).not.toContain('canary');
  });

  test('that fails its test is not kept', async () => {
    const service = await start();
    const answer = await put(service, `${VARIABLE}?test=true`, alice, { value: 'bad-canary' });
    expect(answer.status).toBe(422);
    expect(detail(answer)).toEqual({ message: 'tracker refused it.', code: 'test_failed' });
    expect(setValue(service)).toBeUndefined();
    expect(service.events).toMatchObject([{ action: 'set', result: 'failure', details: { code: 'test_failed' } }]);
    expect((await put(service, `${VARIABLE}?test=true`, alice)).status).toBe(204);
    expect((await put(service, `${VARIABLE}?test=false`, alice, { value: 'bad-canary' })).status).toBe(204);
  });

  test.each([
    ['{"value":""}', 422, 'value_invalid'],
    ['{}', 422, 'Field required'],
    ['', 422, 'Field required'],
    ['[]', 422, 'object'],
    ['{"value":1}', 422, 'valid string'],
    ['{"value":null}', 422, 'valid string'],
    ['{"value":"canary","test":true}', 422, 'no other'],
    ['{"canary', 422, 'ends too early'],
    [JSON.stringify({ value: 'canary'.repeat(30_000) }), 413, 'larger than'],
  ])('that comes as %.40s is refused and never quoted', async (body, status, message) => {
    const service = await start();
    const answer = await service.send('PUT', VARIABLE, { headers: { ...alice, ...json }, body });
    expect(answer.status).toBe(status);
    expect(answer.text).toContain(message);
    expect(answer.text).not.toContain('canary');
    expect(JSON.stringify([service.events, service.logs])).not.toContain('canary');
    expect(setValue(service)).toBeUndefined();
  });

  test.each([{}, { 'Content-Type': 'text/plain' }, { 'Content-Type': 'application/x-www-form-urlencoded' }])(
    'is taken as JSON only: %j',
    async (headers) => {
      const service = await start();
      const body = JSON.stringify({ value: CANARY });
      const answer = await service.send('PUT', VARIABLE, { headers: { ...alice, ...headers }, body });
      expect(answer.status).toBe(415);
      expect(setValue(service)).toBeUndefined();
    },
  );

  test.each([
    ['/vault/api/servers/none/variables/TOKEN', 404],
    ['/vault/api/servers/tracker/variables/NONE', 404],
    ['/vault/api/servers/tracker/variables/__proto__', 404],
    ['/vault/api/servers/%2e%2e/variables/TOKEN', 404],
    ['/vault/api/servers/%zz/variables/TOKEN', 404],
    ['/vault/api/servers/tracker/variables/token', 404],
    ['/vault/api/servers/tracker', 404],
    ['/vault/api', 404],
    [`${VARIABLE}?test=yes`, 422],
  ])('at %s answers %i', async (path, status) => {
    const service = await start();
    expect((await put(service, path, alice)).status).toBe(status);
    expect(setValue(service)).toBeUndefined();
  });

  test('is not changed while the audit log that must record it cannot be written', async () => {
    const service = await start({ isAuditRequired: true });
    const answer = await put(service, VARIABLE, alice);
    expect(answer.status).toBe(503);
    expect(setValue(service)).toBeUndefined();
  });

  test('is erased with everything else of its user', async () => {
    const service = await start();
    await put(service, VARIABLE, alice);
    await put(service, VARIABLE, bearer('bob.to.ken'));
    expect((await service.send('DELETE', '/vault/api/me', { headers: alice })).status).toBe(204);
    expect(setValue(service)).toBeUndefined();
    expect(setValue(service, BOB)).toBe(CANARY);
    expect(service.events.at(-1)).toMatchObject({
      action: 'erase',
      details: { secrets: 1 },
      subjectId: toUserPrincipalId(ALICE),
    });
  });

  test('cannot be changed more often than calls are allowed', async () => {
    const service = await start({ callLimit: 1 });
    expect((await put(service, VARIABLE, alice)).status).toBe(204);
    const answer = await put(service, VARIABLE, alice);
    expect(answer.status).toBe(429);
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
    expect((await put(service, VARIABLE, bearer('bob.to.ken'))).status).toBe(204);
  });
});

describe('a cookie', () => {
  test('with its form token changes what is set', async () => {
    const service = await start();
    const headers = await page(service, `/vault/link/${service.createLink(ALICE, 'tracker')}`);
    expect((await put(service, VARIABLE, headers)).status).toBe(204);
    expect(setValue(service)).toBe(CANARY);
    expect(service.events.at(-1)).toMatchObject({ action: 'set', userId: toUserPrincipalId(ALICE) });
  });

  test.each([
    ['without a form token', { 'X-Form-Token': '' }, 'This page is out of date'],
    ['with a wrong one', { 'X-Form-Token': 'x'.repeat(43) }, 'This page is out of date'],
    ['from another site', { Origin: 'https://evil.example' }, 'did not come from a page of the service'],
    ['from who knows where', { Origin: 'null' }, 'did not come from a page of the service'],
    ['with credentials that browsers add', { Authorization: 'Basic eDp5', Origin: 'null' }, 'did not come from'],
  ])('%s changes nothing', async (_name, changed, message) => {
    const service = await start();
    const headers = { ...(await page(service, `/vault/link/${service.createLink(ALICE, 'tracker')}`)), ...changed };
    const requests = [
      await put(service, VARIABLE, headers),
      await service.send('DELETE', VARIABLE, { headers }),
      await service.send('POST', '/vault/api/servers/tracker/test', { headers }),
      await service.send('DELETE', '/vault/api/me', { headers }),
    ];
    for (const answer of requests) {
      expect(answer.status).toBe(403);
      expect(detail(answer)).toContain(message);
    }
    expect(setValue(service)).toBeUndefined();
    expect(service.events.filter(({ eventType }) => eventType === 'refusal')).toHaveLength(4);
    expect(service.events.filter(({ eventType }) => eventType === 'secret_change')).toEqual([]);
  });

  test('of a setup link sees its server only, and asks for no groups of its user', async () => {
    const service = await start();
    const headers = await page(service, `/vault/link/${service.createLink(ALICE, 'tracker')}`);
    const list = await service.send('GET', '/vault/api/servers', { headers });
    expect(list.json()).toEqual([expect.objectContaining({ server: 'tracker' })]);
    expect(service.settings.users).toEqual([expect.objectContaining(ALICE)]);
    expect(service.settings.users[0]).not.toHaveProperty('groups');
    expect((await service.send('DELETE', VARIABLE, { headers })).status).toBe(403);
    const other = '/vault/api/servers/wiki';
    expect((await put(service, `${other}/variables/TOKEN`, headers)).status).toBe(404);
    expect((await service.send('DELETE', `${other}/variables/TOKEN`, { headers })).status).toBe(404);
    expect((await service.send('POST', `${other}/test`, { headers })).status).toBe(404);
    expect((await service.send('DELETE', '/vault/api/me', { headers })).status).toBe(403);
    expect((await service.send('DELETE', '/vault/api/users/bob', { headers })).status).toBe(403);
  });

  test('does not count beside a key: then the key says who calls', async () => {
    const service = await start();
    const { Cookie = '' } = await page(service, `/vault/link/${service.createLink(ALICE, 'tracker')}`);
    expect((await put(service, VARIABLE, { Cookie, ...bearer('bob.to.ken') })).status).toBe(204);
    expect(setValue(service)).toBeUndefined();
    expect(setValue(service, BOB)).toBe(CANARY);
  });
});

describe('on behalf of a user', () => {
  const ofBob = `/vault/api/users/${encodeURIComponent(BOB.subject)}`;
  const query = `?issuer=${encodeURIComponent(BOB.issuer)}`;

  test('an admin sets and removes values and erases everything', async () => {
    const service = await start();
    expect((await put(service, `${ofBob}/servers/tracker/variables/TOKEN${query}`, admin)).status).toBe(204);
    expect(setValue(service, BOB)).toBe(CANARY);
    expect(service.events.at(-1)).toMatchObject({
      action: 'set',
      userId: 'key:admin',
      subjectId: toUserPrincipalId(BOB),
      details: { on_behalf: true },
    });
    const path = `${ofBob}/servers/tracker/variables/TOKEN${query}`;
    expect((await service.send('DELETE', path, { headers: admin })).status).toBe(204);
    expect(setValue(service, BOB)).toBeUndefined();
    await put(service, path, admin);
    expect((await service.send('DELETE', ofBob + query, { headers: admin })).status).toBe(204);
    expect(setValue(service, BOB)).toBeUndefined();
  });

  test('the issuer is Open WebUI unless another is named', async () => {
    const service = await start();
    expect((await put(service, '/vault/api/users/alice/servers/tracker/variables/TOKEN', admin)).status).toBe(204);
    expect(setValue(service, ALICE)).toBe(CANARY);
  });

  test.each([alice, bearer('key-of-robot'), bearer('bob.to.ken')])('%j may not', async (headers) => {
    const service = await start();
    const path = '/vault/api/users/alice/servers/tracker/variables/TOKEN';
    for (const answer of [
      await put(service, path, headers),
      await service.send('DELETE', path, { headers }),
      await service.send('DELETE', '/vault/api/users/alice', { headers }),
    ]) {
      expect(answer.status).toBe(403);
      expect(detail(answer)).toContain('"vault:admin"');
    }
    expect(setValue(service)).toBeUndefined();
    expect(service.events.map(({ eventType }) => eventType)).toEqual(['refusal', 'refusal', 'refusal']);
  });

  test.each([
    ['/vault/api/users/a%00b', 422],
    [`/vault/api/users/${'a'.repeat(256)}`, 422],
    ['/vault/api/users/alice?issuer=', 422],
    ['/vault/api/users/alice?issuer=a&issuer=b', 422],
    ['/vault/api/users/alice?issuer[x]=b', 204],
    ['/vault/api/users/', 404],
    ['/vault/api/users/%ff', 404],
  ])('DELETE %s answers %i', async (path, status) => {
    const service = await start();
    expect((await service.send('DELETE', path, { headers: admin })).status).toBe(status);
  });

  test('an admin does it at the page too, with the form token', async () => {
    const service = await start();
    const answer = await service.send('POST', '/vault/log-in', {
      headers: { Origin: service.origin, 'Content-Type': 'application/x-www-form-urlencoded' },
      body: 'credential=key-of-admin',
    });
    const { token } = answer.json() as { token: string };
    const headers = { Cookie: cookieOf(answer), Origin: service.origin };
    expect((await service.send('DELETE', '/vault/api/users/alice', { headers })).status).toBe(403);
    const withToken = { ...headers, 'X-Form-Token': token };
    expect((await service.send('DELETE', '/vault/api/users/alice', { headers: withToken })).status).toBe(204);
    expect(service.events.at(-1)).toMatchObject({ action: 'erase', userId: 'key:admin' });
  });
});

test('users are named in the audit log as principals are', () => {
  const principal: UserPrincipal = {
    kind: 'user',
    ...BOB,
    email: undefined,
    name: undefined,
    role: undefined,
    groups: [],
    scopes: new Scopes([]),
    keyId: undefined,
    chatId: undefined,
    token: undefined,
  };
  expect(toUserPrincipalId(BOB)).toBe(toPrincipalId(principal));
});
