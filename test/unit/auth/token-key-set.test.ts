import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import type { IssuerSettings } from '../../../src/auth/auth-settings.ts';
import type { UserPrincipal } from '../../../src/auth/principal.ts';
import type { TokenVerifier } from '../../../src/auth/token-verifier.ts';
import { ServerUnavailableError, UnauthenticatedError } from '../../../src/errors.ts';
import { type KeySetServer, startKeySetServer, withKeys } from '../../fixtures/key-set-server.ts';
import {
  collectingLogger,
  issuerOf,
  type LogLine,
  NOW_SECONDS,
  outcome,
  rsa,
  rsaToken,
  toJwk,
  useClock,
  verifierOf,
} from './token-fixture.ts';

const next = generateKeyPairSync('rsa', { modulusLength: 2048 });
const curve = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const weak = generateKeyPairSync('rsa', { modulusLength: 1024 });

let server: KeySetServer;
let verifier: TokenVerifier;
let nowSeconds: number;
let lines: LogLine[];

useClock(() => nowSeconds * 1_000);

beforeEach(async () => {
  nowSeconds = NOW_SECONDS;
  lines = [];
  server = await startKeySetServer(withKeys(toJwk(rsa.publicKey, 'one')));
  verifier = open({});
});

afterEach(async () => {
  verifier.close();
  await server[Symbol.asyncDispose]();
});

function open(more: Partial<IssuerSettings>): TokenVerifier {
  return verifierOf([issuerOf({ kind: 'key-set', uri: `${server.url}/keys` }, ['RS256', 'ES256'], more)], {
    logger: collectingLogger(lines),
  });
}

function token(kid: string | undefined, key: KeyObject = rsa.privateKey, sub = 'ada'): string {
  return rsaToken({ sub, exp: NOW_SECONDS + 90_000 }, kid === undefined ? {} : { kid }, key);
}

async function verify(text: string): Promise<string> {
  const result = await outcome(() => verifier.verify(text));
  if (result instanceof ServerUnavailableError) return `503, again after ${result.retryAfterSeconds} s`;
  if (result instanceof UnauthenticatedError) return `401 ${result.message}`;
  return (result as UserPrincipal).subject;
}

const REFUSED = '401 The token is not valid.';
const gone = (_request: unknown, response: ServerResponse) => void response.destroy();

describe('keys that are there', () => {
  test('the set is read once, and then tokens are verified with it', async () => {
    await Promise.all(Array.from({ length: 50 }, (_, index) => verify(token('one', rsa.privateKey, `u${index}`))));
    expect(await verify(token('one'))).toBe('ada');
    expect(server.paths).toEqual(['/keys']);
  });

  test('nothing is asked before a token needs it', () => {
    expect(server.paths).toEqual([]);
  });

  test.each<[string, object[], string]>([
    ['the only one', [toJwk(rsa.publicKey, 'one')], 'ada'],
    ['the only one that suits', [toJwk(curve.publicKey, 'two'), toJwk(rsa.publicKey, 'one')], 'ada'],
    ['two that suit', [toJwk(rsa.publicKey, 'one'), toJwk(next.publicKey, 'two')], REFUSED],
    ['none that suits', [toJwk(curve.publicKey, 'two')], REFUSED],
    ['a key without kid', [toJwk(rsa.publicKey, undefined)], 'ada'],
  ])('a token without kid and %s', async (_name, keys, expected) => {
    server.answer = withKeys(...keys);
    expect(await verify(token(undefined))).toBe(expected);
  });

  test.each<[string, object]>([
    ['for encryption', toJwk(rsa.publicKey, 'one', { use: 'enc' })],
    ['for another algorithm', toJwk(rsa.publicKey, 'one', { alg: 'RS512' })],
    ['that is private', toJwk(rsa.privateKey, 'one')],
    ['that is symmetric', { kty: 'oct', k: 'c2VjcmV0', kid: 'one', alg: 'RS256' }],
    ['of 1024 bits', toJwk(weak.publicKey, 'one')],
    ['on a curve', toJwk(curve.publicKey, 'one')],
    ['that is broken', { kty: 'RSA', kid: 'one', n: '!', e: 'AQAB' }],
  ])('a key %s verifies nothing', async (_name, key) => {
    server.answer = withKeys(key, toJwk(next.publicKey, 'other'));
    const key1024 = _name === 'of 1024 bits' ? weak.privateKey : rsa.privateKey;
    expect(await verify(token('one', key1024))).toBe(REFUSED);
    expect(await verify(token('other', next.privateKey))).toBe('ada');
  });

  test('an empty set is an answer: nobody is let in', async () => {
    server.answer = withKeys();
    expect(await verify(token('one'))).toBe(REFUSED);
    server.answer = (_request, response) => response.end('{"keys":[null,7,"x"]}');
    nowSeconds += 31;
    expect(await verify(token('one'))).toBe(REFUSED);
  });
});

describe('keys that change', () => {
  test('a new key counts at once, an old one no longer than a minute', async () => {
    const old = token('one');
    expect(await verify(old)).toBe('ada');
    server.answer = withKeys(toJwk(next.publicKey, 'two'));
    expect(await verify(token('two', next.privateKey))).toBe('ada');
    expect(await verify(old)).toBe(REFUSED);
  });

  test('a key that is withdrawn counts no longer than a minute, even for a token that is known', async () => {
    const old = token('one');
    expect(await verify(old)).toBe('ada');
    server.answer = withKeys(toJwk(next.publicKey, 'two'));
    nowSeconds += 29;
    expect(await verify(old)).toBe('ada');
    nowSeconds += 31;
    expect(await verify(old)).toBe(REFUSED);
  });

  test('a key under the id of another is another', async () => {
    expect(await verify(token('one'))).toBe('ada');
    server.answer = withKeys(toJwk(next.publicKey, 'one'));
    nowSeconds += 61;
    expect(await verify(token('one'))).toBe(REFUSED);
    expect(await verify(token('one', next.privateKey))).toBe('ada');
  });

  test('200 unknown key ids at once and 200 one by one ask twice', async () => {
    const forged = Array.from({ length: 400 }, (_, index) => token(`forged-${index}`, next.privateKey));
    const answers = await Promise.all(forged.slice(0, 200).map(verify));
    for (const text of forged.slice(200)) answers.push(await verify(text));
    expect(new Set(answers)).toEqual(new Set([REFUSED]));
    expect(server.paths.length).toBeLessThanOrEqual(2);
    expect(await verify(token('one'))).toBe('ada');
    nowSeconds += 29;
    await verify(token('forged', next.privateKey));
    expect(server.paths).toHaveLength(2);
    nowSeconds += 1;
    await verify(token('forged', next.privateKey));
    expect(server.paths).toHaveLength(3);
  });
});

describe('an issuer that is away', () => {
  test('known keys go on for an hour, unknown ones are 503, and it recovers by itself', async () => {
    expect(await verify(token('one'))).toBe('ada');
    server.answer = gone;
    expect(await verify(token('two', next.privateKey))).toBe('503, again after 10 s');
    nowSeconds += 4;
    expect(await verify(token('two', next.privateKey))).toBe('503, again after 6 s');
    expect(server.paths).toHaveLength(2);
    nowSeconds += 3_500;
    expect(await verify(token('one'))).toBe('ada');
    nowSeconds += 200;
    expect(await verify(token('one'))).toMatch(/^503/);
    server.answer = withKeys(toJwk(next.publicKey, 'two'));
    nowSeconds += 10;
    expect(await verify(token('two', next.privateKey))).toBe('ada');
    expect(await verify(token('one'))).toBe(REFUSED);
    const told = lines.filter(({ level }) => level !== 'debug').map(({ level, message }) => `${level}: ${message}`);
    expect(told).toEqual([
      'warn: The keys of an issuer cannot be read',
      'info: The keys of an issuer can be read again',
    ]);
  });

  test('a flood meanwhile asks once in ten seconds', async () => {
    server.answer = gone;
    const forged = Array.from({ length: 200 }, (_, index) => token(`forged-${index}`, next.privateKey));
    const answers = await Promise.all(forged.map(verify));
    expect(new Set(answers)).toEqual(new Set(['503, again after 10 s']));
    expect(await verify(token('one'))).toBe('503, again after 10 s');
    expect(server.paths).toHaveLength(1);
  });

  test('a set that was not used for long is read before its use', async () => {
    expect(await verify(token('one'))).toBe('ada');
    server.answer = withKeys(toJwk(next.publicKey, 'two'));
    nowSeconds += 600;
    expect(await verify(token('one'))).toBe(REFUSED);
  });

  test.each<[string, KeySetServer['answer']]>([
    ['it fails', (_request, response) => void response.writeHead(500).end('{"keys":[]}')],
    ['it says not found', (_request, response) => void response.writeHead(404).end('{"keys":[]}')],
    ['it answers with a page', (_request, response) => void response.end('<html>')],
    ['it answers with a list', (_request, response) => void response.end('[]')],
    ['it answers without keys', (_request, response) => void response.end('{}')],
    ['its keys are an object', (_request, response) => void response.end('{"keys":{"length":1}}')],
    ['it answers with half', (_request, response) => void response.end('{"keys":[')],
    [
      'it stops half-way for more than 5 s',
      (_request, response) => void response.writeHead(200, { 'content-length': 99 }).end('{'),
    ],
    ['it floods', (_request, response) => void response.end(`{"keys":[],"x":"${'x'.repeat(300_000)}"}`)],
    ['it has 101 keys', withKeys(...Array.from({ length: 101 }, (_, index) => toJwk(rsa.publicKey, `${index}`)))],
    ['it redirects for ever', (_request, response) => void response.writeHead(302, { location: '/keys' }).end()],
    [
      'it redirects away',
      (_request, response) => void response.writeHead(302, { location: 'http://127.0.0.2:1/' }).end(),
    ],
    ['it redirects nowhere', (_request, response) => void response.writeHead(302, { location: 'http://[' }).end()],
  ])('where %s, nobody is let in and nothing breaks', async (_name, answer) => {
    server.answer = answer;
    expect(await verify(token('one'))).toBe('503, again after 10 s');
    server.answer = withKeys(toJwk(rsa.publicKey, 'one'));
    nowSeconds += 10;
    expect(await verify(token('one'))).toBe('ada');
  });

  test('a redirect on the same origin is followed', async () => {
    server.answer = (request, response) => {
      if (request.url === '/keys') response.writeHead(307, { location: '/moved' }).end();
      else withKeys(toJwk(rsa.publicKey, 'one'))(request, response);
    };
    expect(await verify(token('one'))).toBe('ada');
    expect(server.paths).toEqual(['/keys', '/moved']);
  });

  test('another origin is not asked, even if it has the keys', async () => {
    await using elsewhere = await startKeySetServer(withKeys(toJwk(rsa.publicKey, 'one')));
    server.answer = (_request, response) => void response.writeHead(307, { location: `${elsewhere.url}/keys` }).end();
    expect(await verify(token('one'))).toBe('503, again after 10 s');
    expect(elsewhere.paths).toEqual([]);
  });

  test('closing ends a request under way', async () => {
    const asked = new Promise<void>((resolve) => {
      server.answer = () => resolve();
    });
    const answer = verify(token('one'));
    await asked;
    verifier.close();
    expect(await answer).toMatch(/^503/);
  });
});

describe('discovery', () => {
  const discovered = (document: (url: string) => object): void => {
    server.answer = (request, response) => {
      if (request.url?.endsWith('/.well-known/openid-configuration'))
        response.end(JSON.stringify(document(server.url)));
      else withKeys(toJwk(rsa.publicKey, 'one'))(request, response);
    };
    verifier = verifierOf([issuerOf({ kind: 'discovery' }, ['RS256'], { issuer: `${server.url}/realm` })]);
  };
  const tokenOf = () => rsaToken({ iss: `${server.url}/realm` }, { kid: 'one' });

  test('leads to the key set', async () => {
    discovered((url) => ({ issuer: `${url}/realm`, jwks_uri: `${url}/keys` }));
    expect(await verify(tokenOf())).toBe('ada');
    expect(server.paths).toEqual(['/realm/.well-known/openid-configuration', '/keys']);
    nowSeconds += 61;
    expect(await verify(tokenOf())).toBe('ada');
    expect(server.paths).toHaveLength(3);
  });

  test.each<[string, (url: string) => object]>([
    ['names another issuer', (url) => ({ issuer: url, jwks_uri: `${url}/keys` })],
    ['names no issuer', (url) => ({ jwks_uri: `${url}/keys` })],
    ['names no key set', (url) => ({ issuer: `${url}/realm` })],
    ['names a key set without TLS', (url) => ({ issuer: `${url}/realm`, jwks_uri: 'http://id.example/keys' })],
    ['names a file', (url) => ({ issuer: `${url}/realm`, jwks_uri: 'file:///etc/passwd' })],
    ['names a list', (url) => ({ issuer: `${url}/realm`, jwks_uri: [`${url}/keys`] })],
  ])('a document that %s lets nobody in', async (_name, document) => {
    discovered(document);
    expect(await verify(tokenOf())).toBe('503, again after 10 s');
    expect(server.paths).toEqual(['/realm/.well-known/openid-configuration']);
  });

  test('an issuer elsewhere cannot lead to this machine', async () => {
    const asked: string[] = [];
    jest.spyOn(globalThis, 'fetch').mockImplementation(async (url) => {
      asked.push(String(url));
      return Response.json({ issuer: 'https://id.example', jwks_uri: `${server.url}/keys` });
    });
    verifier = verifierOf([issuerOf({ kind: 'discovery' }, ['RS256'])]);
    expect(await verify(rsaToken({}, { kid: 'one' }))).toBe('503, again after 10 s');
    expect(asked).toEqual(['https://id.example/.well-known/openid-configuration']);
    expect(server.paths).toEqual([]);
  });

  test('a key set that moved is found again', async () => {
    let path = '/keys';
    server.answer = (request, response) => {
      if (request.url?.includes('.well-known')) {
        response.end(JSON.stringify({ issuer: `${server.url}/realm`, jwks_uri: `${server.url}${path}` }));
      } else if (request.url === path) withKeys(toJwk(rsa.publicKey, 'one'))(request, response);
      else response.writeHead(404).end();
    };
    verifier = verifierOf([issuerOf({ kind: 'discovery' }, ['RS256'], { issuer: `${server.url}/realm` })]);
    expect(await verify(tokenOf())).toBe('ada');
    path = '/moved';
    nowSeconds += 61;
    // The old place fails, and the stale set is used meanwhile.
    expect(await verify(tokenOf())).toBe('ada');
    nowSeconds += 10;
    await verify(rsaToken({ iss: `${server.url}/realm` }, { kid: 'other' }));
    expect(server.paths.at(-1)).toBe('/moved');
    expect(await verify(tokenOf())).toBe('ada');
  });
});
