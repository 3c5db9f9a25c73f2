import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type PageLogIn, type PageSession, PageSessions } from '../../../src/auth/page-sessions.ts';

const OLD = Buffer.alloc(32, 1);
const NEW = Buffer.alloc(32, 2);
const NOW = 1_800_000_000_000;
const HOUR = 3_600_000;

const ada = { issuer: 'open-webui', subject: 'u1', email: 'a@b.c', name: 'Ada Ø', role: 'user', groups: ['x', 'y'] };
const byKey: PageLogIn = { user: ada, way: 'key', isAdmin: false, scopes: ['vault'], server: undefined, keyId: 'k1' };
const byLink: PageLogIn = {
  user: ada,
  way: 'link',
  isAdmin: false,
  scopes: ['call:jira'],
  server: 'jira',
  keyId: undefined,
};
const adminOnly: PageLogIn = { user: undefined, way: 'key', isAdmin: true, scopes: [], server: undefined, keyId: 'ci' };

function sessionsAt(now = NOW, keys: readonly Buffer[] = [NEW]) {
  return new PageSessions(keys, () => now);
}

describe('a cookie', () => {
  test.each([
    ['an API key', byKey],
    ['a setup link', byLink],
    ['the key of an admin', adminOnly],
    ['a user of whom little is known', { ...byKey, user: { issuer: 'i', subject: 's', groups: [] } }],
  ])('of a session opened by %s gives that session back', (_way, logIn) => {
    const session = sessionsAt().open(logIn);
    expect(session).toMatchObject(logIn);
    const cookie = sessionsAt().issue(session);
    expect(cookie).toMatch(/^[\w-]+\.[\w-]{43}$/);
    expect(sessionsAt(NOW + 1).read(cookie)).toEqual(session);
  });

  test('is of every key of the ring, and of none that left it', () => {
    const cookie = sessionsAt(NOW, [OLD]).issue(sessionsAt().open(byKey));
    expect(sessionsAt(NOW, [NEW, OLD]).read(cookie)).toMatchObject({ keyId: 'k1' });
    expect(sessionsAt(NOW, [NEW]).read(cookie)).toBeUndefined();
    const newer = sessionsAt(NOW, [NEW, OLD]).issue(sessionsAt().open(byKey));
    expect(sessionsAt(NOW, [NEW]).read(newer)).toMatchObject({ keyId: 'k1' });
  });

  test('that is altered in any way is none', () => {
    const sessions = sessionsAt();
    const cookie = sessions.issue(sessions.open(byKey));
    const character = fc.constantFrom(...'ABab01-_.=+/ é\0');
    const at = fc.nat({ max: cookie.length - 1 });
    const altered = fc.oneof(
      fc.tuple(at, character).map(([index, one]) => cookie.slice(0, index) + one + cookie.slice(index + 1)),
      fc.tuple(at, character).map(([index, one]) => cookie.slice(0, index) + one + cookie.slice(index)),
      at.map((index) => cookie.slice(0, index) + cookie.slice(index + 1)),
      at.map((index) => cookie.slice(0, index)),
      fc.string().map((text) => `${cookie}.${text}`),
      fc.string({ unit: 'binary' }),
      fc.tuple(fc.string(), fc.string({ minLength: 43, maxLength: 43 })).map((parts) => parts.join('.')),
    );
    fc.assert(
      fc.property(altered, (value) => {
        fc.pre(value !== cookie);
        expect(sessions.read(value)).toBeUndefined();
      }),
      { numRuns: 2_000 },
    );
    expect(sessions.read(cookie)).toBeDefined();
    expect(sessions.read(undefined)).toBeUndefined();
  });

  test('whose halves come from two cookies is none', () => {
    const sessions = sessionsAt();
    const [payload] = sessions.issue(sessions.open(adminOnly)).split('.');
    const [, signature] = sessions.issue(sessions.open(byKey)).split('.');
    expect(sessions.read(`${payload}.${signature}`)).toBeUndefined();
  });

  test.each([
    ['no session', { hello: 1 }],
    ['a session with more in it', { ...sessionsAt().open(byKey), isRoot: true }],
    ['a session without subject', { ...sessionsAt().open(byKey), user: { ...ada, subject: '' } }],
  ])('that is signed and holds %s is none', (_what, value) => {
    expect(sessionsAt().read(sessionsAt().issue(value as PageSession))).toBeUndefined();
  });

  test('is not too long for a browser, whatever the user is called: groups go before that', () => {
    const sessions = sessionsAt();
    const groups = Array.from({ length: 300 }, (_, index) => `group-${index}-${'é'.repeat(20)}`);
    const cookie = sessions.issue(sessions.open({ ...byKey, user: { ...ada, groups } }));
    expect(cookie.length).toBeLessThanOrEqual(3_800);
    const kept = sessions.read(cookie)?.user;
    expect(kept).toMatchObject({ email: 'a@b.c', name: 'Ada Ø', role: 'user' });
    expect(kept?.groups.length).toBeGreaterThan(10);
    expect(groups.slice(0, kept?.groups.length)).toEqual(kept?.groups);
    const long = '漢'.repeat(255);
    const whole = { issuer: long, subject: long, email: long, name: long, role: long, groups };
    const longest = sessions.issue(sessions.open({ ...byLink, user: whole, server: 's'.repeat(100) }));
    expect(longest.length).toBeLessThanOrEqual(3_800);
    expect(sessions.read(longest)?.user).toEqual({ issuer: long, subject: long, role: long, groups: [] });
  });
});

describe('a session ends', () => {
  test.each([
    ['fifteen minutes after its link was opened', byLink, HOUR / 4],
    ['eight hours after a log-in', byKey, 8 * HOUR],
    ['an hour after a log-in with a token', { ...byKey, way: 'token', keyId: undefined }, HOUR],
    ['fifteen minutes after one with the token of an admin', { ...adminOnly, way: 'token' }, HOUR / 4],
    ['eight hours after one at a provider', { ...byKey, way: 'provider', keyId: undefined }, 8 * HOUR],
    ['an hour after one of an admin at a provider', { ...adminOnly, way: 'provider' }, HOUR],
    ['an hour after one by Open WebUI', { ...byKey, way: 'open-webui', keyId: undefined }, HOUR],
    ['with the token that opened it', { ...byKey, credentialExpiresAt: NOW + 1_500 }, 1_500],
    ['eight hours after a log-in with a longer token', { ...byKey, credentialExpiresAt: NOW + 9 * HOUR }, 8 * HOUR],
  ] satisfies [string, PageLogIn, number][])('%s', (_when, logIn, lifetimeMs) => {
    const cookie = sessionsAt().issue(sessionsAt().open(logIn));
    expect(sessionsAt(NOW + lifetimeMs - 1).read(cookie)).toBeDefined();
    expect(sessionsAt(NOW + lifetimeMs).read(cookie)).toBeUndefined();
  });

  test('when the clock was put back far, too', () => {
    const cookie = sessionsAt().issue(sessionsAt().open(byKey));
    expect(sessionsAt(NOW - HOUR).read(cookie)).toBeUndefined();
    expect(sessionsAt(NOW - 5_000).read(cookie)).toBeDefined();
  });
});

describe('a form token', () => {
  const sessions = sessionsAt();
  const session = sessions.open(byKey);
  const token = sessions.formToken(session);

  test('is taken for its own session, by every key of the ring', () => {
    expect(sessions.isFormToken(session, token)).toBe(true);
    expect(sessionsAt(NOW, [OLD, NEW]).isFormToken(session, token)).toBe(true);
    expect(sessionsAt(NOW, [OLD]).isFormToken(session, token)).toBe(false);
  });

  test('is taken for no other session of the same user', () => {
    expect(sessions.isFormToken(sessions.open(byKey), token)).toBe(false);
  });

  test.each([undefined, null, '', 7, [token], `${token} `, token.slice(1), 'é'.repeat(43), {}])(
    'is not %j',
    (candidate) => {
      expect(sessions.isFormToken(session, candidate)).toBe(false);
    },
  );

  test('is not the signature of a cookie, even for the same text', () => {
    const [payload = '', signature] = sessions.issue(session).split('.');
    expect(sessions.isFormToken({ id: payload }, sessions.formToken({ id: payload }))).toBe(true);
    expect(sessions.isFormToken({ id: payload }, signature)).toBe(false);
  });
});

test('page sessions need a key', () => {
  expect(() => sessionsAt(NOW, [])).toThrow(RangeError);
});
