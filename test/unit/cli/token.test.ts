import { describe, expect, test } from '@jest/globals';
import jsonwebtoken from 'jsonwebtoken';
import { TokenVerifier } from '../../../src/auth/token-verifier.ts';
import { issueToken, type TokenRequest } from '../../../src/cli/token.ts';
import { DEFAULT_CLAIMS } from '../../../src/config/auth-schema.ts';
import type { Environment } from '../../../src/config/environment.ts';
import { UsageError } from '../../../src/errors.ts';
import { collectingLogger } from '../auth/token-fixture.ts';

const NOW = 1_800_000_000;
const secret = '7f3a9c51e2b8d046aa19c3e05d7b2f48';
const secrets = { JWT_SECRET: secret };
type Values = Environment['values'];

function claimsOf(request: Partial<TokenRequest>, values: Values = {}): Record<string, unknown> {
  const { text, exitCode } = issueToken({ user: 'ada', ...request }, { values, secrets }, NOW * 1_000);
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
          group: ['a', 'b c'],
          scope: ['call:time/*', 'docs'],
          ttl: '7d',
        },
        { JWT_ISSUER: 'mine', JWT_AUDIENCE: ['*', 'me'], JWT_EXPIRY: '5m' },
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

  test.each(['HS256', 'HS384', 'HS512'] as const)('this service takes what it issues with %s', async (algorithm) => {
    const { text } = issueToken(
      { user: 'ada', role: 'admin', group: ['a b'], scope: [] },
      { values: { JWT_ALGORITHM: [algorithm] }, secrets },
    );
    const verifier = new TokenVerifier({
      issuers: [
        {
          issuer: undefined,
          audiences: [],
          algorithms: [algorithm],
          keySource: { kind: 'secret', secret },
          claims: DEFAULT_CLAIMS,
          scopes: { kind: 'own' },
        },
      ],
      scopesByRole: new Map([['admin', ['admin']]]),
      scopesByGroup: new Map(),
      logger: collectingLogger(),
    });
    expect(await verifier.verify(text.trim())).toMatchObject({
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
    expect(claimsOf({}, { JWT_EXPIRY: expiry }).exp).toBe(NOW + seconds);
  });

  test.each<[string, Partial<TokenRequest>, Values, string]>([
    ['a public-key algorithm', {}, { JWT_ALGORITHM: ['RS256'] }, 'JWT_ALGORITHM'],
    ['an empty user', { user: '' }, {}, '--user'],
    ['a user with a line break', { user: 'a\nb' }, {}, '--user'],
    ['an empty role', { role: '' }, {}, '--role'],
    ['a group with NUL', { group: ['a', 'b\0'] }, {}, '--group'],
    ['an unknown scope', { scope: ['calls'] }, {}, '--scope "calls"'],
    ['two scopes in one', { scope: ['call docs'] }, {}, '--scope'],
    ['two scopes in one pattern', { scope: ['call:a admin'] }, {}, '--scope'],
    ['a malformed time', { ttl: 'soon' }, {}, '--ttl'],
    ['no time at all', { ttl: '0' }, {}, '--ttl'],
    ['an endless time', { ttl: '3651d' }, {}, '--ttl'],
    ['a negative time', { ttl: '-1h' }, {}, '--ttl'],
    ['a broken JWT_EXPIRY', {}, { JWT_EXPIRY: '1 hour' }, 'JWT_EXPIRY'],
  ])('%s is rejected', (_name, request, values, message) => {
    const issue = () => issueToken({ user: 'ada', ...request }, { values, secrets });
    expect(issue).toThrow(UsageError);
    expect(issue).toThrow(message);
  });

  test.each([
    [undefined, false],
    ['feeble-one', true],
  ])('the secret %j is rejected, without being repeated', (weak, isWeak) => {
    const environment = { values: {}, secrets: weak === undefined ? {} : { JWT_SECRET: weak } };
    expect(() => issueToken({ user: 'ada' }, environment)).toThrow(/JWT_SECRET(?!.*feeble-one)/);
    const issueAnyway = () => issueToken({ user: 'ada', allowWeakSecrets: true }, environment);
    if (isWeak) expect(issueAnyway().exitCode).toBe(0);
    else expect(issueAnyway).toThrow(UsageError);
  });
});
