import { describe, expect, test } from '@jest/globals';
import type { KeySource } from '../../../src/auth/auth-settings.ts';
import { accessTokenOf } from '../../../src/auth/authenticator.ts';
import { ANONYMOUS, type Principal } from '../../../src/auth/principal.ts';
import { encodeToken, hs256 } from '../../fixtures/forged-tokens.ts';
import { bearer, keyRecord, request, setUp } from './open-webui-request.ts';
import { issuerOf, NOW_SECONDS, rsaPem, rsaToken, SECRET, useClock, verifierOf } from './token-fixture.ts';

useClock();

const fromPublicKey = verifierOf([issuerOf({ kind: 'public-key', pem: rsaPem }, ['RS256'])]);
const fromSecret = verifierOf([
  issuerOf({ kind: 'secret', secret: SECRET } as KeySource, ['HS256'], { issuer: undefined }),
]);

const secretToken = encodeToken(
  { alg: 'HS256' },
  { sub: 'ada', aud: 'mcpo-ts', exp: NOW_SECONDS + 600 },
  hs256(SECRET),
);

describe('the access token of a caller', () => {
  test('is what they presented, if its issuer has public keys', async () => {
    const token = rsaToken();
    const principal = await fromPublicKey.verify(token);
    expect(principal.token).toEqual({ isAccessToken: true, expiresAt: (NOW_SECONDS + 600) * 1_000 });
    expect(accessTokenOf(principal, bearer(token))).toBe(token);
    expect(accessTokenOf(principal, request('authorization', `bearer  ${token} `))).toBe(token);
    expect(JSON.stringify(principal)).not.toContain(token.split('.')[2] ?? token);
  });

  test('is not given where the request has it in no usable header', async () => {
    const principal = await fromPublicKey.verify(rsaToken());
    expect(accessTokenOf(principal, request())).toBeUndefined();
    expect(accessTokenOf(principal, request('Authorization', 'Basic YTpi'))).toBeUndefined();
    expect(accessTokenOf(principal, bearer('one', 'Authorization', 'Bearer two'))).toBeUndefined();
    expect(accessTokenOf(principal, request('Authorization', 'Bearer one, Bearer two'))).toBeUndefined();
  });

  test('is not a token that is signed with a secret', async () => {
    const principal = await fromSecret.verify(secretToken);
    expect(principal.token).toEqual({ isAccessToken: false, expiresAt: (NOW_SECONDS + 600) * 1_000 });
    expect(accessTokenOf(principal, bearer(secretToken))).toBeUndefined();
  });

  test.each<[string, Principal]>([
    ['nobody in particular', ANONYMOUS],
    ['an API key', { kind: 'api-key', keyId: 'k', scopes: ANONYMOUS.scopes }],
  ])('is nothing that is presented by %s', (_who, principal) => {
    expect(accessTokenOf(principal, bearer('presented'))).toBeUndefined();
  });

  test('is neither the API key of a user nor one that speaks for them', async () => {
    const authenticator = setUp({
      openWebUi: { trustUserHeaders: true },
      keys: [
        keyRecord('own', 'own-key', { user: { issuer: 'i', subject: 's' } }),
        keyRecord('owui', 'owui-key', { assertsUser: true }),
      ],
    });
    const requests = [bearer('own-key'), bearer('owui-key', 'X-OpenWebUI-User-Id', 'u1')];
    for (const one of requests) {
      const principal = await authenticator.authenticate(one, 'bearer');
      expect(principal).toMatchObject({ kind: 'user' });
      expect('token' in principal ? principal.token : undefined).toBeUndefined();
      expect(accessTokenOf(principal, one)).toBeUndefined();
    }
  });

  test('is not a session token of Open WebUI, whose end is known', async () => {
    const authenticator = setUp({ openWebUi: { secretKey: SECRET } });
    const claims = { id: 'u1', exp: NOW_SECONDS + 60 };
    const session = bearer(encodeToken({ alg: 'HS256', typ: 'JWT' }, claims, hs256(SECRET)));
    const principal = await authenticator.authenticate(session, 'bearer');
    expect(principal).toMatchObject({ token: { isAccessToken: false, expiresAt: (NOW_SECONDS + 60) * 1_000 } });
    expect(accessTokenOf(principal, session)).toBeUndefined();
  });
});
