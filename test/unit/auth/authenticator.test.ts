import { describe, expect, test } from '@jest/globals';
import { ApiKeyRing } from '../../../src/auth/api-key-ring.ts';
import { ANONYMOUS, type UserPrincipal } from '../../../src/auth/principal.ts';
import { Scopes } from '../../../src/auth/scopes.ts';
import { TokenRefusedError } from '../../../src/auth/token-refused-error.ts';
import { UnauthenticatedError } from '../../../src/errors.ts';
import { bearer, keyRecord, outcome, request, setUp } from './open-webui-request.ts';

const basic = (text: string) => request('Authorization', `Basic ${Buffer.from(text).toString('base64')}`);
const alice: UserPrincipal = {
  kind: 'user',
  issuer: 'https://id.example.org',
  subject: 'alice',
  email: undefined,
  name: undefined,
  role: undefined,
  groups: [],
  scopes: new Scopes(['call']),
  keyId: undefined,
  chatId: undefined,
  token: undefined,
};

/** Takes one token; what the real one takes is tested with it. */
const tokens = {
  verify: async (token: string) => {
    if (token === 'good.to.ken') return alice;
    throw new TokenRefusedError('not-valid', '');
  },
  close: () => undefined,
};

describe('without anything configured', () => {
  test('everyone is anonymous, whatever they present', async () => {
    const authenticator = setUp({});
    expect(authenticator.isRequired).toBe(false);
    expect(await authenticator.authenticate(request(), 'bearer')).toBe(ANONYMOUS);
    expect(await authenticator.authenticate(bearer('x', 'X-OpenWebUI-User-Id', 'u'), 'bearer')).toBe(ANONYMOUS);
  });
});

describe('with API keys', () => {
  const authenticator = setUp({
    keys: [
      keyRecord('ci', 'the-key', { scopes: ['call:time'] }),
      keyRecord('ann', 'of-ann', { user: { issuer: 'open-webui', subject: 'u1' }, assertsUser: true }),
      keyRecord('old', 'old-key', { expiresAt: Date.now() - 1 }),
      keyRecord('new', 'new-key', { expiresAt: Date.now() + 60_000 }),
    ],
    openWebUi: { trustUserHeaders: true },
  });

  test.each([['Bearer the-key'], ['bearer the-key'], ['Bearer   the-key '], ['BEARER the-key']])(
    'takes %j',
    async (header) => {
      expect(await authenticator.authenticate(request('AUTHORIZATION', header), 'bearer')).toEqual({
        kind: 'api-key',
        keyId: 'ci',
        scopes: expect.objectContaining({ texts: ['call:time'] }),
      });
    },
  );

  test.each([[''], ['the-key'], ['Bearer'], ['Bearer '], ['Token the-key'], ['Basic dXNlcjp0aGUta2V5']])(
    'finds nothing usable in %j',
    async (header) => {
      const run = () => authenticator.authenticate(request('Authorization', header), 'bearer');
      await expect(run()).rejects.toThrow(UnauthenticatedError);
      await expect(run()).rejects.toThrow('Missing or invalid Authorization header');
    },
  );

  test('without a header: 401 and how to present a key', async () => {
    await expect(authenticator.authenticate(request(), 'bearer')).rejects.toThrow(
      expect.objectContaining({ challenge: 'Bearer' }) as unknown as Error,
    );
    await expect(authenticator.authenticate(request(), 'bearer-or-basic')).rejects.toThrow(
      expect.objectContaining({ challenge: expect.stringMatching(/^Basic .*Bearer$/) }) as unknown as Error,
    );
  });

  test.each([
    ['the-ke'],
    ['the-key2'],
    ['THE-KEY'],
    ['old-key'],
    ['__proto__'],
    ['eyJhbGciOiJIUzI1NiJ9.e30.c2ln'],
    ['x'.repeat(100_000)],
  ])('a wrong one is 403: %.20s', async (key) => {
    await expect(authenticator.authenticate(bearer(key), 'bearer')).rejects.toThrow('Invalid API key');
  });

  test('two Authorization headers are refused, also if both are right', async () => {
    const twice = bearer('the-key', 'authorization', 'Bearer the-key');
    expect(await outcome(() => authenticator.authenticate(twice, 'bearer'))).toBe('401');
  });

  test('a key that belongs to a user is that user, whatever the headers say', async () => {
    const run = () => authenticator.authenticate(bearer('of-ann', 'X-OpenWebUI-User-Id', 'other'), 'bearer');
    expect(await outcome(run)).toBe('user open-webui u1');
  });

  test('is taken as the password of HTTP Basic only where a browser may open the page', async () => {
    const run = (text: string) => outcome(() => authenticator.authenticate(basic(text), 'bearer-or-basic'));
    expect(await run('anyone:the-key')).toBe('api-key');
    expect(await run('anyone:wrong')).toBe('403');
    expect(await run('anyone:')).toBe('401');
    expect(await run('no colon')).toBe('401');
    expect(await run(':the-key')).toBe('api-key');
  });

  test('after a thousand wrong ones a right one works', async () => {
    for (let index = 0; index < 1_000; index += 1) {
      expect(await outcome(() => authenticator.authenticate(bearer(`wrong-${index}`), 'bearer'))).toBe('403');
    }
    expect(await outcome(() => authenticator.authenticate(bearer('new-key'), 'bearer'))).toBe('api-key');
  });
});

describe('with issuers', () => {
  const authenticator = setUp({ tokens, keys: [keyRecord('dotted', 'my.old.key')] });

  test.each([
    ['good.to.ken', 'user https://id.example.org alice'],
    ['my.old.key', 'api-key'],
    ['bad.to.ken', '401'],
    ['eyJhbGciOiJub25lIn0.e30.', '401'],
    ['eyJhbGciOiJIUzI1', '401'],
    ['half.token', '401'],
    ['!!!.???.***', '401'],
    [`eyJ${'x'.repeat(100_000)}`, '401'],
    ['wrong-key', '403'],
  ])('%.30s: %s', async (credential, expected) => {
    expect(await outcome(() => authenticator.authenticate(bearer(credential), 'bearer'))).toBe(expected);
  });

  test('all forged tokens are refused in the same words', async () => {
    const messages: string[] = [];
    for (const token of ['bad.to.ken', 'a.b', `eyJ${'x'.repeat(100_000)}`, 'eyJh']) {
      const refused = authenticator.authenticate(bearer(token), 'bearer');
      const error = await refused.catch((thrown: unknown) => thrown);
      messages.push(`${String(error)} ${(error as UnauthenticatedError).challenge}`);
    }
    expect(new Set(messages).size).toBe(1);
    expect(messages[0]).toContain('error="invalid_token"');
  });

  test('and no keys, everything that is not good is a bad token', async () => {
    expect(await outcome(() => setUp({ tokens }).authenticate(bearer('wrong-key'), 'bearer'))).toBe('401');
  });
});

describe('while the keys of the database are still being read', () => {
  test('nobody is let in as anonymous, and a key that comes with them is taken', async () => {
    const ring = new ApiKeyRing();
    const authenticator = setUp({ ring });
    ring.expectDatabase();
    const waiting = [
      outcome(() => authenticator.authenticate(request(), 'bearer')),
      outcome(() => authenticator.authenticate(bearer('k'), 'bearer')),
    ];
    ring.replace('database', [keyRecord('db', 'k')]);
    expect(await Promise.all(waiting)).toEqual(['401', 'api-key']);
    expect(authenticator.isRequired).toBe(true);
  });

  test('without any there, everybody is anonymous', async () => {
    const ring = new ApiKeyRing();
    const authenticator = setUp({ ring });
    ring.expectDatabase();
    const waiting = outcome(() => authenticator.authenticate(request(), 'bearer'));
    ring.replace('database', []);
    expect(await waiting).toBe('anonymous');
    expect(await authenticator.authenticate(request(), 'bearer')).toBe(ANONYMOUS);
  });

  test('if it fails, nobody is let in but by the keys that are known', async () => {
    const ring = new ApiKeyRing();
    ring.expectDatabase();
    const open = setUp({ ring });
    ring.databaseFailed();
    expect(await outcome(() => open.authenticate(request(), 'bearer'))).toBe('503');
    const keyed = setUp({ ring, keys: [keyRecord('file', 'k')] });
    expect(await outcome(() => keyed.authenticate(bearer('k'), 'bearer'))).toBe('api-key');
    expect(await outcome(() => keyed.authenticate(bearer('other'), 'bearer'))).toBe('503');
    ring.replace('database', [keyRecord('db', 'other')]);
    expect(await outcome(() => keyed.authenticate(bearer('other'), 'bearer'))).toBe('api-key');
  });
});
