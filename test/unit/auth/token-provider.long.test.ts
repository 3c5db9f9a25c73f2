import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { TokenVerifier } from '../../../src/auth/token-verifier.ts';
import { DEFAULT_CLAIMS } from '../../../src/config/auth-schema.ts';
import { ServerUnavailableError, UnauthenticatedError } from '../../../src/errors.ts';
import { type OidcProvider, startOidcProvider } from '../../fixtures/start-oidc-provider.ts';
import { collectingLogger, outcome, useClock } from './token-fixture.ts';

let provider: OidcProvider;
let verifier: TokenVerifier;
/** How far the verifier's clock is ahead. */
let aheadSeconds: number;

const realNow = Date.now;
useClock(() => realNow() + aheadSeconds * 1_000);

beforeEach(async () => {
  provider = await startOidcProvider();
  aheadSeconds = 0;
  verifier = new TokenVerifier({
    issuers: [
      {
        issuer: provider.issuer,
        audiences: ['mcpo-ts'],
        algorithms: ['RS256', 'ES256'],
        keySource: { kind: 'discovery' },
        claims: { ...DEFAULT_CLAIMS, groups: 'realm_access.roles' },
        scopes: { kind: 'own' },
      },
    ],
    scopesByRole: new Map(),
    scopesByGroup: new Map([['admins', ['metrics']]]),
    logger: collectingLogger(),
  });
});

afterEach(async () => {
  verifier.close();
  await provider.kill();
});

function verify(token: string): Promise<unknown> {
  return outcome(() => verifier.verify(token));
}

describe('a real OpenID provider', () => {
  test('its tokens are taken by discovery alone, with its claims', async () => {
    const principal = {
      kind: 'user',
      issuer: provider.issuer,
      subject: 'tester',
      email: 'ada@example.com',
      name: 'Ada',
      groups: ['engineers', 'admins'],
      scopes: { texts: ['call', 'metrics'] },
    };
    expect(await verify(await provider.issue('rs256'))).toMatchObject(principal);
    expect(await verify(await provider.issue('es256'))).toMatchObject(principal);
    expect(await verify(await provider.issue('es256', 'call:time/*'))).toMatchObject({
      scopes: { texts: ['call:time/*', 'metrics'] },
    });
    const asked = (await provider.requests()).filter((path) => path !== '/token');
    expect(asked).toEqual(['/.well-known/openid-configuration', '/jwks']);
  });

  test('new keys count at once; old ones while they are published', async () => {
    const old = await provider.issue('rs256');
    expect(await verify(old)).toMatchObject({ subject: 'tester' });
    await provider.rotate(true);
    expect(await verify(await provider.issue('rs256'))).toMatchObject({ subject: 'tester' });
    expect(await verify(old)).toMatchObject({ subject: 'tester' });
    await provider.rotate(false);
    aheadSeconds += 61;
    expect(await verify(await provider.issue('es256'))).toMatchObject({ subject: 'tester' });
    expect(await verify(old)).toBeInstanceOf(UnauthenticatedError);
  });

  test('gone, its known keys go on and unknown ones wait; back with new keys, it is believed again', async () => {
    const known = await provider.issue('rs256');
    expect(await verify(known)).toMatchObject({ subject: 'tester' });
    await provider.rotate(true);
    const unknown = await provider.issue('rs256');
    await provider.kill();
    expect(await verify(unknown)).toBeInstanceOf(ServerUnavailableError);
    aheadSeconds += 120;
    expect(await verify(known)).toMatchObject({ subject: 'tester' });
    provider = await startOidcProvider(provider.port);
    aheadSeconds += 30;
    expect(await verify(await provider.issue('rs256'))).toMatchObject({ subject: 'tester' });
    expect(await verify(known)).toBeInstanceOf(UnauthenticatedError);
  });
});
