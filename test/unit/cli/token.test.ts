import { describe, expect, test } from '@jest/globals';
import jsonwebtoken from 'jsonwebtoken';
import { createTokenVerifier } from '../../../src/auth/token-verifier.ts';
import { issueToken, type OwnTokenSettings, type TokenRequest } from '../../../src/cli/token.ts';
import { DEFAULT_CLAIMS } from '../../../src/config/resolve-issuers.ts';
import { UsageError } from '../../../src/errors.ts';
import { collectingLogger } from '../auth/token-fixture.ts';

const NOW = 1_800_000_000;
const settings: OwnTokenSettings = {
  secret: '7f3a9c51e2b8d046aa19c3e05d7b2f48',
  algorithm: undefined,
  issuer: undefined,
  audience: undefined,
  expiry: undefined,
};

function claimsOf(request: Partial<TokenRequest>, more: Partial<OwnTokenSettings> = {}): Record<string, unknown> {
  const { text, exitCode } = issueToken({ user: 'ada', ...request }, { ...settings, ...more }, () => NOW * 1_000);
  expect(exitCode).toBe(0);
  expect(text).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+\n$/);
  return jsonwebtoken.decode(text.trim()) as Record<string, unknown>;
}

describe('token issue', () => {
  test('says what was asked and nothing more', () => {
    expect(claimsOf({})).toEqual({ sub: 'ada', iat: NOW, exp: NOW + 3_600, jti: expect.any(String) });
    expect(
      claimsOf(
        {
          email: 'ada@example.com',
          name: 'Ada Ünï',
          role: 'admin',
          groups: ['a', 'b c'],
          scopes: ['call:time/*', 'docs'],
          ttl: '7d',
        },
        { issuer: 'mine', audience: 'me', expiry: '5m' },
      ),
    ).toEqual({
      sub: 'ada',
      email: 'ada@example.com',
      name: 'Ada Ünï',
      role: 'admin',
      groups: ['a', 'b c'],
      scope: 'call:time/* docs',
      iss: 'mine',
      aud: 'me',
      iat: NOW,
      exp: NOW + 604_800,
      jti: expect.any(String),
    });
  });

  test.each(['HS256', 'HS384', 'HS512'] as const)('this service takes what it issues with %s', (algorithm) => {
    const { text } = issueToken(
      { user: 'ada', role: 'admin', groups: ['a b'], scopes: [] },
      { ...settings, algorithm },
    );
    const verifier = createTokenVerifier({
      issuers: [
        {
          issuer: undefined,
          audiences: [],
          algorithms: [algorithm],
          keySource: { kind: 'secret', secret: settings.secret ?? '' },
          claims: DEFAULT_CLAIMS,
          scopes: { kind: 'own' },
        },
      ],
      scopesByRole: new Map([['admin', ['admin']]]),
      scopesByGroup: new Map(),
      logger: collectingLogger(),
    });
    expect(verifier.verify(text.trim())).toMatchObject({
      issuer: 'mcpo-ts',
      subject: 'ada',
      groups: ['a b'],
      scopes: { texts: ['call', 'vault', 'admin'] },
    });
  });

  test.each([
    ['90s', 90],
    ['90', 90],
    ['30m', 1_800],
    ['2h', 7_200],
    ['1d', 86_400],
    ['3650d', 315_360_000],
  ])('JWT_EXPIRY %s is %i s', (expiry, seconds) => {
    expect(claimsOf({}, { expiry }).exp).toBe(NOW + seconds);
  });

  test.each<[string, Partial<TokenRequest>, Partial<OwnTokenSettings>, string]>([
    ['no secret', {}, { secret: undefined }, 'JWT_SECRET'],
    ['an empty secret', {}, { secret: '' }, 'JWT_SECRET'],
    ['a public-key algorithm', {}, { algorithm: 'RS256' }, 'JWT_ALGORITHM'],
    ['no signature', {}, { algorithm: 'none' }, 'JWT_ALGORITHM'],
    ['an empty user', { user: '' }, {}, '--user'],
    ['a user with a line break', { user: 'a\nb' }, {}, '--user'],
    ['an empty role', { role: '' }, {}, '--role'],
    ['a group with NUL', { groups: ['a', 'b\0'] }, {}, '--group'],
    ['a scope that is none', { scopes: ['calls'] }, {}, '--scope "calls"'],
    ['two scopes in one', { scopes: ['call docs'] }, {}, '--scope'],
    ['two scopes in one pattern', { scopes: ['call:a admin'] }, {}, '--scope'],
    ['a time that is none', { ttl: 'soon' }, {}, '--ttl'],
    ['no time at all', { ttl: '0' }, {}, '--ttl'],
    ['an endless time', { ttl: '3651d' }, {}, '--ttl'],
    ['a negative time', { ttl: '-1h' }, {}, '--ttl'],
    ['a broken JWT_EXPIRY', {}, { expiry: '1 hour' }, 'JWT_EXPIRY'],
  ])('%s is refused', (_name, request, more, message) => {
    const issue = () => issueToken({ user: 'ada', ...request }, { ...settings, ...more });
    expect(issue).toThrow(UsageError);
    expect(issue).toThrow(message);
    if (more.secret) expect(issue).not.toThrow(more.secret);
  });
});
