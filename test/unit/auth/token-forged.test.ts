import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { UnauthenticatedError } from '../../../src/errors.ts';
import { type ForgerySource, forgedTokens, genuineToken } from '../../fixtures/forged-tokens.ts';
import { type KeySetServer, startKeySetServer, withKeys } from '../../fixtures/key-set-server.ts';
import {
  AUDIENCE,
  ISSUER,
  issuerOf,
  NOW_SECONDS,
  outcome,
  rsa,
  rsaPem,
  toJwk,
  useClock,
  verifierOf,
} from './token-fixture.ts';

useClock();

let trap: KeySetServer;
let keySet: KeySetServer;

beforeAll(async () => {
  trap = await startKeySetServer(withKeys());
  keySet = await startKeySetServer(withKeys(toJwk(rsa.publicKey, 'current', { alg: 'RS256' })));
});

afterAll(async () => {
  await trap[Symbol.asyncDispose]();
  await keySet[Symbol.asyncDispose]();
});

function source(): ForgerySource {
  return {
    issuer: ISSUER,
    audience: AUDIENCE,
    privateKey: rsa.privateKey,
    publicKeyPem: rsaPem,
    keyId: 'current',
    trapUrl: trap.url,
    nowSeconds: NOW_SECONDS,
  };
}

describe.each(['public-key', 'key-set'] as const)('forged tokens against a %s', (kind) => {
  test('all are refused in one shape, the genuine one is taken, and nobody else is asked', async () => {
    const keySource = kind === 'public-key' ? { kind, pem: rsaPem } : { kind, uri: `${keySet.url}/keys` };
    const verifier = verifierOf([issuerOf(keySource, ['RS256'])]);
    expect(await outcome(() => verifier.verify(genuineToken(source())))).toMatchObject({ subject: 'ada' });
    const forged = forgedTokens(source());
    expect(forged.length).toBeGreaterThan(100);
    const seen: Record<string, unknown> = {};
    const expected: Record<string, unknown> = {};
    for (const { name, token, message } of forged) {
      const error = await outcome(() => verifier.verify(token));
      const challenge = `Bearer error="invalid_token", error_description="${message}"`;
      expected[name] = { isRefused: true, code: 'unauthenticated', message, challenge };
      const { code, message: said, challenge: asked } = error as UnauthenticatedError;
      seen[name] = { isRefused: error instanceof UnauthenticatedError, code, message: said, challenge: asked };
    }
    expect(seen).toEqual(expected);
    expect(trap.paths).toEqual([]);
    // Once at first, once because of the unknown key ids.
    if (kind === 'key-set') expect(keySet.paths).toEqual(['/keys', '/keys']);
    verifier.close();
  });
});
