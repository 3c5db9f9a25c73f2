import { afterEach, describe, expect, test } from '@jest/globals';
import type { HttpAnswer } from '../../../e2e/http-request.ts';
import { keyRecord } from '../../auth/open-webui-request.ts';
import {
  ALICE,
  BOB,
  BOB_TOKEN_MS,
  cookieOf,
  KEYS,
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

interface Shown {
  readonly session: {
    readonly user?: object;
    readonly isAdmin: boolean;
    readonly server?: string;
    readonly expiresAt: number;
  } | null;
  readonly token: string;
}

const shown = (answer: HttpAnswer) => answer.json() as Shown;

function logIn(service: VaultService, credential: string, headers: Record<string, string> = {}): Promise<HttpAnswer> {
  return service.send('POST', '/vault/log-in', {
    headers: { Origin: service.origin, 'Content-Type': 'application/x-www-form-urlencoded', ...headers },
    body: new URLSearchParams({ credential }).toString(),
  });
}

const openPage = async (service: VaultService, cookie: string) =>
  shown(await service.send('GET', '/vault', { headers: { Cookie: cookie } }));

describe('a log-in', () => {
  test('with a personal API key opens a session of its user', async () => {
    const service = await start();
    const answer = await logIn(service, ' key-of-alice ');
    expect(answer.status).toBe(200);
    expect(shown(answer).session).toMatchObject({ user: ALICE, isAdmin: false });
    expect((await openPage(service, cookieOf(answer))).session).toMatchObject({ user: ALICE, isAdmin: false });
    expect(service.events).toMatchObject([
      { eventType: 'log_in', action: 'log_in', result: 'success', userId: 'user:10:open-webui:alice' },
    ]);
  });

  test('with a token lasts no longer than the token', async () => {
    const service = await start();
    const before = Date.now();
    service.setTime(before);
    const answer = await logIn(service, 'bob.to.ken');
    expect(shown(answer).session).toMatchObject({
      user: { ...BOB, email: 'bob@example.org', name: 'Bob', groups: ['devs'] },
      expiresAt: before + BOB_TOKEN_MS,
    });
    expect(answer.headers['set-cookie']?.[0]).toContain(`Max-Age=${BOB_TOKEN_MS / 1_000}`);
    service.setTime(before + BOB_TOKEN_MS - 1);
    expect((await openPage(service, cookieOf(answer))).session).not.toBeNull();
    service.setTime(before + BOB_TOKEN_MS);
    expect((await openPage(service, cookieOf(answer))).session).toBeNull();
  });

  test.each([
    ['key-of-admin', undefined],
    ['key-of-chief', { subject: 'chief' }],
  ])('with a key of scope admin is an admin: %s', async (key, user) => {
    const service = await start();
    const { session } = shown(await logIn(service, key));
    expect(session).toMatchObject({ isAdmin: true, ...(user === undefined ? {} : { user }) });
    expect(session?.user === undefined).toBe(user === undefined);
  });

  test.each(['key-of-robot', 'key-of-webui'])('is refused to a key that is of no person: %s', async (key) => {
    const service = await start();
    const answer = await logIn(service, key);
    expect(answer.status).toBe(403);
    expect(answer.text).toContain('belongs to a program, not to a person');
    expect(answer.headers['set-cookie']).toBeUndefined();
    expect(service.events).toMatchObject([{ eventType: 'log_in', result: 'failure', details: { code: 'forbidden' } }]);
  });

  test("does not let the browser's headers say for which user a key speaks", async () => {
    const service = await start();
    const answer = await logIn(service, 'key-of-webui', { 'X-OpenWebUI-User-Id': 'alice' });
    expect(answer.status).toBe(403);
  });

  test.each([
    ['wrong-key', 403],
    ['eyJ.wrong.token', 401],
    ['', 401],
    ['   ', 401],
    ['key-of-alice\r\nX-OpenWebUI-User-Id: bob', 403],
    ['x'.repeat(20_000), 403],
  ])('with %j answers %i and sets no cookie', async (credential, status) => {
    const service = await start();
    const answer = await logIn(service, credential);
    expect(answer.status).toBe(status);
    expect(answer.headers['set-cookie']).toBeUndefined();
  });

  test('that failed too often has to wait, and a right key that was used before does not', async () => {
    const service = await start({ failureLimit: 3 });
    expect((await logIn(service, 'key-of-alice')).status).toBe(200);
    const statuses: number[] = [];
    for (let i = 0; i < 6; i++) statuses.push((await logIn(service, `guess-${i}`)).status);
    expect(statuses.filter((status) => status === 429).length).toBeGreaterThan(0);
    expect(statuses[0]).toBe(403);
    expect((await logIn(service, 'key-of-chief')).status).toBe(429);
    expect((await logIn(service, 'key-of-alice')).status).toBe(200);
  });

  test.each([
    [{ Origin: 'https://evil.example' }],
    [{ Origin: 'null' }],
    [{ 'Sec-Fetch-Site': 'same-site' }],
    [{ 'Sec-Fetch-Site': 'cross-site', Origin: 'https://evil.example' }],
  ])('from another site is refused: %j', async (headers) => {
    const service = await start();
    const answer = await logIn(service, 'key-of-alice', headers);
    expect(answer.status).toBe(403);
    expect(answer.text).toContain('did not come from a page of the service');
    expect(answer.headers['set-cookie']).toBeUndefined();
  });

  test('is unavailable where authentication is disabled', async () => {
    const service = await start({ keys: [] });
    const answer = await logIn(service, 'anything');
    expect(answer.status).toBe(403);
    expect(answer.text).toContain('MCPO_API_KEY');
    expect(answer.headers['set-cookie']).toBeUndefined();
  });
});

describe('a session', () => {
  test('ends when its API key is revoked, or another takes its place', async () => {
    const service = await start();
    const cookie = cookieOf(await logIn(service, 'key-of-alice'));
    expect((await openPage(service, cookie)).session).not.toBeNull();
    service.ring.replace('file', [...KEYS.slice(1), keyRecord('of-alice', 'another-key', { user: ALICE })]);
    expect((await openPage(service, cookie)).session).toBeNull();
    service.ring.replace('file', KEYS);
    expect((await openPage(service, cookie)).session).not.toBeNull();
    service.ring.replace('file', KEYS.slice(1));
    expect((await openPage(service, cookie)).session).toBeNull();
  });

  test('ends by logging out, which needs the form token', async () => {
    const service = await start();
    const answer = await logIn(service, 'key-of-alice');
    const headers = { Origin: service.origin, Cookie: cookieOf(answer) };
    const form = { ...headers, 'Content-Type': 'application/x-www-form-urlencoded' };
    const logOut = (body: string) => service.send('POST', '/vault/log-out', { headers: form, body });
    for (const body of ['', 'form_token=', 'form_token=wrong', `form_token=${shown(answer).token}x`]) {
      const refused = await logOut(body);
      expect(refused.status).toBe(403);
      expect(refused.text).toContain('This page is out of date');
      expect(refused.headers['set-cookie']).toBeUndefined();
    }
    const done = await logOut(`form_token=${shown(answer).token}`);
    expect(done.status).toBe(200);
    expect(done.headers['set-cookie']?.[0]).toMatch(/^mcpo-vault=; Max-Age=0; Path=\/; HttpOnly; SameSite=Strict$/);
    expect((await openPage(service, cookieOf(answer))).session).toBeNull();
  });

  test('ends when another log-in takes its place in the browser', async () => {
    const service = await start();
    const cookie = cookieOf(await logIn(service, 'key-of-alice'));
    const next = cookieOf(await logIn(service, 'key-of-chief', { Cookie: cookie }));
    expect((await openPage(service, cookie)).session).toBeNull();
    expect((await openPage(service, next)).session).toMatchObject({ isAdmin: true });
  });

  test('of an admin loses that right with the key, and one of no user ends', async () => {
    const service = await start();
    const chief = cookieOf(await logIn(service, 'key-of-chief'));
    const admin = cookieOf(await logIn(service, 'key-of-admin'));
    const demoted = KEYS.map((key) => ({ ...key, scopes: ['call'] }));
    service.ring.replace('file', demoted);
    expect((await openPage(service, chief)).session).toMatchObject({ isAdmin: false });
    expect((await openPage(service, admin)).session).toBeNull();
  });

  test('of a user sees the servers that the key still allows, and ends with the last of them', async () => {
    const service = await start();
    const cookie = cookieOf(await logIn(service, 'key-of-alice'));
    const narrow = (scopes: readonly string[]) =>
      service.ring.replace('file', [{ ...keyRecord('of-alice', 'key-of-alice', { user: ALICE }), scopes }]);
    narrow(['call:jira']);
    expect((await openPage(service, cookie)).session).toMatchObject({ scopes: ['call:jira'] });
    narrow(['docs']);
    expect((await openPage(service, cookie)).session).toBeNull();
  });

  test('ends when its key is given to another user', async () => {
    const service = await start();
    const cookie = cookieOf(await logIn(service, 'key-of-alice'));
    service.ring.replace('file', [keyRecord('of-alice', 'key-of-alice', { user: BOB })]);
    expect((await openPage(service, cookie)).session).toBeNull();
  });

  test('does not take the form token of another session', async () => {
    const service = await start();
    const alice = await logIn(service, 'key-of-alice');
    const bob = await logIn(service, 'bob.to.ken');
    const answer = await service.send('POST', '/vault/log-out', {
      headers: { Origin: service.origin, Cookie: cookieOf(alice), 'X-Form-Token': shown(bob).token },
    });
    expect(answer.status).toBe(403);
  });
});

describe('a setup link', () => {
  const linkTo = (service: VaultService, server: string) => `/vault/link/${service.createLink(ALICE, server)}`;
  const redeem = (service: VaultService, path: string, headers: Record<string, string> = {}) =>
    service.send('POST', path, { headers: { Origin: service.origin, ...headers } });

  test('shows whose it is, as often as it is looked at, and opens a session when it is redeemed', async () => {
    const service = await start();
    const before = Date.now();
    service.setTime(before);
    const path = linkTo(service, 'tracker');
    for (const method of ['GET', 'HEAD', 'GET']) {
      const answer = await service.send(method, path, { headers: { 'Sec-Purpose': 'prefetch' } });
      expect(answer.status).toBe(200);
      expect(answer.headers['cache-control']).toBe('no-store');
      expect(answer.headers['referrer-policy']).toBe('same-origin');
      expect(answer.headers['set-cookie']).toBeUndefined();
      if (method === 'GET') expect(answer.json()).toMatchObject({ kind: 'redeemable', link: { owner: ALICE } });
    }
    const answer = await redeem(service, path);
    expect(shown(answer).session).toMatchObject({
      user: ALICE,
      server: 'tracker',
      isAdmin: false,
      expiresAt: before + 15 * 60_000,
    });
    expect(answer.headers['set-cookie']?.[0]).toContain('Max-Age=900; Path=/; HttpOnly; SameSite=Strict');
    service.setTime(before + 15 * 60_000);
    expect((await openPage(service, cookieOf(answer))).session).toBeNull();
  });

  test('is redeemed once, and entered again by the session that it opened', async () => {
    const service = await start();
    const path = linkTo(service, 'tracker');
    const first = await redeem(service, path);
    const again = await service.send('GET', path, { headers: { Cookie: cookieOf(first) } });
    expect(shown(again).session).toEqual(shown(first).session);
    expect((await service.send('GET', path)).status).toBe(410);
    expect((await redeem(service, path)).status).toBe(410);
    const other = await redeem(service, linkTo(service, 'wiki'));
    expect((await redeem(service, path, { Cookie: cookieOf(other) })).status).toBe(410);
  });

  test.each([{ Origin: 'https://evil.example' }, { Origin: 'null' }, { 'Sec-Fetch-Site': 'cross-site' }])(
    'is not redeemed by another site: %j',
    async (headers) => {
      const service = await start();
      const path = linkTo(service, 'tracker');
      expect((await redeem(service, path, headers)).status).toBe(403);
      expect((await redeem(service, path)).status).toBe(200);
    },
  );

  test.each(['bob.to.ken', 'key-of-chief', 'key-of-admin'])(
    'of another user is not redeemed while a user is logged in: %s',
    async (credential) => {
      const service = await start();
      const path = linkTo(service, 'tracker');
      const cookie = cookieOf(await logIn(service, credential));
      for (const answer of [
        await service.send('GET', path, { headers: { Cookie: cookie } }),
        await redeem(service, path, { Cookie: cookie }),
      ]) {
        expect(answer.json()).toMatchObject({ kind: 'other-user' });
        expect(answer.headers['set-cookie']).toBeUndefined();
      }
      expect((await openPage(service, cookie)).session).not.toBeNull();
      expect(shown(await redeem(service, path)).session).toMatchObject({ user: ALICE });
    },
  );

  test('is not needed by its own user, whose log-in stays as it is', async () => {
    const service = await start();
    const path = linkTo(service, 'tracker');
    const cookie = cookieOf(await logIn(service, 'key-of-alice'));
    const answer = await redeem(service, path, { Cookie: cookie });
    expect(answer.json()).toMatchObject({ kind: 'entered', session: { user: ALICE } });
    expect(answer.headers['set-cookie']).toBeUndefined();
    expect((await redeem(service, path)).status).toBe(200);
  });

  test('that is guessed counts as a failed log-in of the address', async () => {
    const service = await start({ failureLimit: 3 });
    const statuses: number[] = [];
    for (let i = 0; i < 6; i++) statuses.push((await service.send('GET', `/vault/link/${'A'.repeat(21)}${i}`)).status);
    expect(statuses[0]).toBe(410);
    expect(statuses.at(-1)).toBe(429);
    expect((await logIn(service, 'key-of-alice')).status).toBe(429);
    expect(service.events[0]).toMatchObject({ eventType: 'log_in', action: 'open_link', result: 'failure' });
  });
});
