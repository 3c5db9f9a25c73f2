import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { beforeEach, describe, expect, test } from '@jest/globals';
import jsonwebtoken, { type Algorithm } from 'jsonwebtoken';
import type { KeySource } from '../../../src/auth/auth-settings.ts';
import { encodeToken, hs256 } from '../../fixtures/forged-tokens.ts';
import {
  AUDIENCE,
  collectingLogger,
  ISSUER,
  issuerOf,
  type LogLine,
  NOW_SECONDS,
  outcome,
  rsa,
  rsaPem,
  rsaToken,
  SECRET,
  toPem,
  useClock,
  verifierOf,
} from './token-fixture.ts';

let nowSeconds: number;

useClock(() => nowSeconds * 1_000);
beforeEach(() => {
  nowSeconds = NOW_SECONDS;
});

const secretSource: KeySource = { kind: 'secret', secret: SECRET };
const rsaSource: KeySource = { kind: 'public-key', pem: rsaPem };
const curves = {
  ES256: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  ES384: generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  ES512: generateKeyPairSync('ec', { namedCurve: 'P-521' }),
};
const ed25519 = generateKeyPairSync('ed25519');
const weakRsa = generateKeyPairSync('rsa', { modulusLength: 1024 });

function sign(algorithm: Algorithm, key: string | KeyObject, claims: object = {}): string {
  const payload = { iss: ISSUER, aud: AUDIENCE, sub: 'ada', exp: NOW_SECONDS + 600, ...claims };
  return jsonwebtoken.sign(payload, key, { algorithm, noTimestamp: true });
}

function source(key: KeyObject): KeySource {
  return { kind: 'public-key', pem: toPem(key) };
}

describe('algorithms', () => {
  test.each<[Algorithm, string | KeyObject, KeySource]>([
    ['HS256', SECRET, secretSource],
    ['HS384', SECRET, secretSource],
    ['HS512', SECRET, secretSource],
    ['RS256', rsa.privateKey, rsaSource],
    ['RS384', rsa.privateKey, rsaSource],
    ['RS512', rsa.privateKey, rsaSource],
    ['PS256', rsa.privateKey, rsaSource],
    ['PS512', rsa.privateKey, rsaSource],
    ['ES256', curves.ES256.privateKey, source(curves.ES256.publicKey)],
    ['ES384', curves.ES384.privateKey, source(curves.ES384.publicKey)],
    ['ES512', curves.ES512.privateKey, source(curves.ES512.publicKey)],
  ])('%s is verified, and refused where it is not pinned', async (algorithm, key, keySource) => {
    const token = sign(algorithm, key);
    expect(await verifierOf([issuerOf(keySource, [algorithm])]).verify(token)).toMatchObject({
      kind: 'user',
      issuer: ISSUER,
      subject: 'ada',
    });
    const other = algorithm.startsWith('HS') ? issuerOf(rsaSource, ['RS256']) : issuerOf(secretSource, ['HS256']);
    expect(await outcome(() => verifierOf([other]).verify(token))).toMatchObject({
      message: 'The token is not valid.',
    });
  });

  test('the signature of one algorithm is none for another of the same key', async () => {
    const verifier = verifierOf([issuerOf(rsaSource, ['RS256', 'PS256'])]);
    const [, payload, signature] = sign('RS256', rsa.privateKey).split('.');
    const header = Buffer.from('{"alg":"PS256","typ":"JWT"}').toString('base64url');
    await expect(verifier.verify(`${header}.${payload}.${signature}`)).rejects.toThrow('The token is not valid.');
  });

  test.each<[string, KeySource, Algorithm[], string]>([
    ['an RSA key for HMAC', rsaSource, ['HS256'], 'HS256'],
    ['an RSA key for HMAC among others', rsaSource, ['RS256', 'HS256'], 'HS256'],
    ['an RSA key for ES256', rsaSource, ['ES256'], 'ES256'],
    ['a P-384 key for ES256', source(curves.ES384.publicKey), ['ES256'], 'ES256'],
    ['a secret for RS256', secretSource, ['RS256'], 'RS256'],
    ['a secret for none', secretSource, ['none'], 'none'],
    ['a key set for HMAC', { kind: 'key-set', uri: 'https://id.example/keys' }, ['HS256'], 'HS256'],
    ['discovery for none', { kind: 'discovery' }, ['RS256', 'none'], 'none'],
    ['a key of 1024 bits', source(weakRsa.publicKey), ['RS256'], 'RS256'],
    ['an Ed25519 key', source(ed25519.publicKey), ['ES256'], 'ES256'],
    ['no algorithm', rsaSource, [], 'no algorithm'],
    ['no secret', { kind: 'secret', secret: '' }, ['HS256'], 'empty'],
    ['no PEM', { kind: 'public-key', pem: 'hello' }, ['RS256'], 'PEM'],
    ['a key set without TLS', { kind: 'key-set', uri: 'http://id.example/keys' }, ['RS256'], 'https'],
    ['a key set in a file', { kind: 'key-set', uri: 'file:///etc/keys' }, ['RS256'], 'https'],
    ['a key set with a password', { kind: 'key-set', uri: 'https://a:b@id.example' }, ['RS256'], 'password'],
    ['a key set that is no URL', { kind: 'key-set', uri: 'keys' }, ['RS256'], 'not a URL'],
  ])('a configuration with %s is refused', (_name, keySource, algorithms, message) => {
    expect(() => verifierOf([issuerOf(keySource, algorithms)])).toThrow(message);
  });

  test('discovery needs an issuer that is an https URL', () => {
    const discovered = (issuer: string | undefined) => [issuerOf({ kind: 'discovery' }, ['RS256'], { issuer })];
    expect(() => verifierOf(discovered(undefined))).toThrow('the issuer is not a URL');
    expect(() => verifierOf(discovered('keycloak'))).toThrow('the issuer is not a URL');
    expect(() => verifierOf(discovered('http://id.example'))).toThrow('https');
  });

  test('all problems are reported at once', () => {
    const issuers = [issuerOf(rsaSource, ['HS256']), issuerOf(rsaSource, ['RS256']), issuerOf(rsaSource, ['RS256'])];
    expect(() => verifierOf(issuers)).toThrow(/HS256.*\n.*named twice/);
  });
});

describe('several issuers', () => {
  const own = issuerOf(secretSource, ['HS256'], { issuer: undefined, audiences: [] });
  const verifier = verifierOf([own, issuerOf(rsaSource, ['RS256'])]);

  test('each is chosen by its exact name', async () => {
    expect(await verifier.verify(rsaToken())).toMatchObject({ issuer: ISSUER });
    await expect(verifier.verify(sign('HS256', SECRET))).rejects.toThrow('The token is not valid.');
  });

  const ownToken = (iss: unknown) =>
    encodeToken({ alg: 'HS256' }, { iss, sub: 'ada', exp: NOW_SECONDS + 9 }, hs256(SECRET));

  test.each([[undefined], ['mcpo-ts']])('our own secret is enough for the issuer %s', async (iss) => {
    expect(await verifier.verify(ownToken(iss))).toMatchObject({ issuer: 'mcpo-ts', subject: 'ada' });
  });

  test.each([['open-webui'], ['https://somebody.example'], ['MCPO-TS'], [''], [null], [7], [['mcpo-ts']]])(
    'our own secret speaks for no other issuer: %j',
    async (iss) => {
      await expect(verifier.verify(ownToken(iss))).rejects.toThrow(
        'The token is from an issuer that is not accepted here.',
      );
    },
  );

  test('a key of one issuer is none of another', async () => {
    const other = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const both = verifierOf([
      issuerOf(rsaSource, ['RS256']),
      issuerOf(source(other.publicKey), ['RS256'], { issuer: 'https://other.example' }),
    ]);
    expect(await both.verify(rsaToken({ iss: 'https://other.example' }, {}, other.privateKey))).toMatchObject({
      issuer: 'https://other.example',
    });
    await expect(both.verify(rsaToken({}, {}, other.privateKey))).rejects.toThrow('The token is not valid.');
    await expect(both.verify(rsaToken({ iss: 'https://third.example' }))).rejects.toThrow(
      'issuer that is not accepted',
    );
  });

  test('why a token was refused is in the log, and nothing of the token', async () => {
    const lines: LogLine[] = [];
    const logging = verifierOf([issuerOf(rsaSource, ['RS256'])], { logger: collectingLogger(lines) });
    const token = rsaToken({}, {}, generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey);
    await expect(logging.verify(token)).rejects.toThrow('The token is not valid.');
    expect(lines).toEqual([
      { level: 'debug', message: 'A token was refused', fields: { reason: 'invalid signature' } },
    ]);
  });
});

describe('what was verified a moment ago', () => {
  test('is not verified again, but for a minute and until its end only', async () => {
    const verifier = verifierOf([issuerOf(rsaSource, ['RS256'])]);
    const token = rsaToken({ exp: NOW_SECONDS + 30 });
    const first = await verifier.verify(token);
    nowSeconds += 29;
    expect(await verifier.verify(token)).toBe(first);
    nowSeconds += 1;
    expect(await verifier.verify(token)).not.toBe(first);
    nowSeconds += 60;
    await expect(verifier.verify(token)).rejects.toThrow('The token has expired.');
    const long = rsaToken({ exp: nowSeconds + 9_000 });
    const principal = await verifier.verify(long);
    nowSeconds += 59.9;
    expect(await verifier.verify(long)).toBe(principal);
    nowSeconds += 0.1;
    expect(await verifier.verify(long)).not.toBe(principal);
  });

  test('after the clock was put back it is verified again', async () => {
    const verifier = verifierOf([issuerOf(rsaSource, ['RS256'])]);
    const token = rsaToken({ nbf: NOW_SECONDS });
    await verifier.verify(token);
    nowSeconds -= 3_600;
    await expect(verifier.verify(token)).rejects.toThrow('The token is not yet valid.');
  });

  test('gives way to newer ones', async () => {
    const verifier = verifierOf([issuerOf(secretSource, ['HS256'])]);
    const verify = (jti: number) => verifier.verify(sign('HS256', SECRET, { jti: String(jti) }));
    const [first, second] = [await verify(1), await verify(2)];
    for (let index = 3; index <= 1_000; index += 1) await verify(index);
    expect(await verify(1)).toBe(first);
    await verify(1_001);
    expect(await verify(1)).toBe(first);
    expect(await verify(2)).not.toBe(second);
  });

  test('a token that differs in its signature alone is another', async () => {
    const verifier = verifierOf([issuerOf(rsaSource, ['RS256'])]);
    const token = rsaToken();
    await verifier.verify(token);
    await expect(verifier.verify(`${token.slice(0, -2)}AA`)).rejects.toThrow('The token is not valid.');
  });
});
