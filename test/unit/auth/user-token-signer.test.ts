import { createHash, createPublicKey, verify } from 'node:crypto';
import { beforeAll, describe, expect, test } from '@jest/globals';
import jsonwebtoken, { type JwtHeader, type JwtPayload } from 'jsonwebtoken';
import type { UserProfile } from '../../../src/auth/user.ts';
import { deriveSigningKey, UserTokenSigner } from '../../../src/auth/user-token-signer.ts';
import { startKeySetServer } from '../../fixtures/key-set-server.ts';
import { loadJwksRsaNatively } from '../../fixtures/native-jwks-rsa.ts';

beforeAll(loadJwksRsaNatively);

const OLD = Buffer.alloc(32, 1);
const NEW = Buffer.alloc(32, 2);
const ISSUER = 'https://tools.example';
const AUDIENCE = 'https://mcp.example';
const ada: UserProfile = {
  issuer: 'open-webui',
  subject: 'u1',
  email: 'ada@example.org',
  name: 'Ada Ø',
  role: 'user',
};

function signerOf(keys: readonly Buffer[], now?: () => number) {
  return new UserTokenSigner(keys, ISSUER, now);
}

/** As a receiver does it that knows nothing but the address of the key set. */
async function receive(token: string, keySetUrl: string): Promise<JwtPayload> {
  const { default: jwksRsa } = await import('jwks-rsa');
  const client = jwksRsa({ jwksUri: keySetUrl, cache: false });
  const header = jsonwebtoken.decode(token, { complete: true })?.header as JwtHeader;
  const key = await client.getSigningKey(header.kid);
  const options = { algorithms: ['ES256' as const], issuer: ISSUER, audience: AUDIENCE };
  return jsonwebtoken.verify(token, key.getPublicKey(), options) as JwtPayload;
}

async function servedBy(signer: { keySet(): object }) {
  return startKeySetServer((_request, response) => response.end(JSON.stringify(signer.keySet())));
}

describe('a token about a user', () => {
  const claimsFor = (groups: readonly string[]) =>
    jsonwebtoken.decode(signerOf([NEW]).sign({ ...ada, username: 'ada', groups }, AUDIENCE)) as JwtPayload;

  test('names the groups, the roles and the name to log in with', () => {
    const { groups, roles, preferred_username: username } = claimsFor(['Finance, EU', 'g-1']);
    expect([groups, roles, username]).toEqual([['Finance, EU', 'g-1'], ['user'], 'ada']);
  });

  test('holds as many groups as a header has room for', () => {
    const many = Array.from({ length: 1_000 }, (_, index) => `${index}`.padStart(36, 'g'));
    expect(claimsFor(many).groups).toEqual(many.slice(0, Math.floor(4_096 / 36)));
  });

  test('is another one when the groups are others', () => {
    const signer = signerOf([NEW]);
    expect(signer.sign({ ...ada, groups: ['a'] }, AUDIENCE)).not.toBe(signer.sign({ ...ada, groups: ['b'] }, AUDIENCE));
  });

  test('is verified with the published key set and says who it is about', async () => {
    const signer = signerOf([NEW]);
    await using server = await servedBy(signer);
    const before = Math.floor(Date.now() / 1_000);
    const { iat, nbf, exp, jti, ...claims } = await receive(signer.sign(ada, AUDIENCE), server.url);
    expect(claims).toEqual({
      iss: ISSUER,
      sub: 'u1',
      user_issuer: 'open-webui',
      email: 'ada@example.org',
      name: 'Ada Ø',
      role: 'user',
      roles: ['user'],
      aud: AUDIENCE,
    });
    expect(iat).toBeGreaterThanOrEqual(before);
    expect(exp).toBe((iat ?? 0) + 300);
    expect(nbf).toBe((iat ?? 0) - 30);
    expect(jti).toMatch(/^[0-9a-f-]{36}$/);
  });

  test('leaves out what is not known', () => {
    const token = signerOf([NEW]).sign({ issuer: 'i', subject: 's', email: undefined }, AUDIENCE);
    expect(Object.keys(jsonwebtoken.decode(token) as object).sort()).toEqual(
      ['aud', 'exp', 'iat', 'iss', 'jti', 'nbf', 'sub', 'user_issuer'].sort(),
    );
  });

  test('is for one audience and of one issuer, and not to be altered', async () => {
    const signer = signerOf([NEW]);
    await using server = await servedBy(signer);
    await expect(receive(signer.sign(ada, 'https://other.example'), server.url)).rejects.toThrow('jwt audience');
    const [header, payload, signature] = signer.sign(ada, AUDIENCE).split('.');
    const altered = Buffer.from(payload ?? '', 'base64url')
      .toString()
      .replace('"u1"', '"u2"');
    const forged = `${header}.${Buffer.from(altered).toString('base64url')}.${signature}`;
    await expect(receive(forged, server.url)).rejects.toThrow('invalid signature');
  });

  test('is still verified after the ring was rotated, until its key leaves the ring', async () => {
    const token = signerOf([OLD]).sign(ada, AUDIENCE);
    const rotated = signerOf([NEW, OLD]);
    await using server = await servedBy(rotated);
    expect(await receive(token, server.url)).toMatchObject({ sub: 'u1' });
    const newer = rotated.sign(ada, AUDIENCE);
    expect(await receive(newer, server.url)).toMatchObject({ sub: 'u1' });
    await using later = await servedBy(signerOf([NEW]));
    expect(await receive(newer, later.url)).toMatchObject({ sub: 'u1' });
    await expect(receive(token, later.url)).rejects.toMatchObject({ name: 'SigningKeyNotFoundError' });
  });
});

describe('calls that follow each other', () => {
  test('share a token until half of its life is over', () => {
    let now = 1_800_000_000_000;
    const signer = signerOf([NEW], () => now);
    const first = signer.sign(ada, AUDIENCE);
    now += 149_999;
    expect(signer.sign({ ...ada }, AUDIENCE)).toBe(first);
    now += 1;
    const second = signer.sign(ada, AUDIENCE);
    expect(second).not.toBe(first);
    expect((jsonwebtoken.decode(second) as JwtPayload).exp).toBe(now / 1_000 + 300);
    now -= 3_600_000;
    expect((jsonwebtoken.decode(signer.sign(ada, AUDIENCE)) as JwtPayload).exp).toBe(now / 1_000 + 300);
  });

  test.each<[string, UserProfile, string]>([
    ['another subject', { ...ada, subject: 'u2' }, AUDIENCE],
    ['another issuer', { ...ada, issuer: 'other' }, AUDIENCE],
    ['another e-mail', { ...ada, email: 'new@example.org' }, AUDIENCE],
    ['another name', { ...ada, name: undefined }, AUDIENCE],
    ['another role', { ...ada, role: 'admin' }, AUDIENCE],
    ['another audience', ada, 'https://other.example'],
    ['values that only join to the same text', { ...ada, issuer: 'open-web', subject: 'uiu1' }, AUDIENCE],
  ])('do not share it with %s', (_what, user, audience) => {
    const signer = signerOf([NEW]);
    const token = signer.sign(ada, AUDIENCE);
    const other = signer.sign(user, audience);
    expect(other).not.toBe(token);
    expect(jsonwebtoken.decode(other)).toMatchObject({
      sub: user.subject,
      user_issuer: user.issuer,
      aud: audience,
    });
    expect(signer.sign(ada, AUDIENCE)).toBe(token);
  });
});

describe('the keys', () => {
  test('published say nothing but what is public, active one first', () => {
    const { keys } = signerOf([NEW, OLD]).keySet();
    expect(keys).toHaveLength(2);
    for (const key of keys) expect(Object.keys(key).sort()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y']);
    const { header } = jsonwebtoken.decode(signerOf([NEW, OLD]).sign(ada, AUDIENCE), { complete: true }) ?? {};
    expect(header).toEqual({ alg: 'ES256', typ: 'JWT', kid: keys[0]?.kid });
  });

  test('are the same on every replica, and others for other material', () => {
    expect(signerOf([NEW]).keySet()).toEqual(signerOf([Buffer.alloc(32, 2)]).keySet());
    expect(signerOf([NEW]).keySet()).not.toEqual(signerOf([OLD]).keySet());
  });

  test.each(Array.from({ length: 40 }, (_, index) => index))('are a sound pair on P-256 (material %i)', (index) => {
    const { privateKey, published } = deriveSigningKey(createHash('sha256').update(String(index)).digest());
    expect(createPublicKey(privateKey).export({ format: 'jwk' })).toEqual({
      kty: 'EC',
      crv: 'P-256',
      x: published.x,
      y: published.y,
    });
    const token = jsonwebtoken.sign({}, privateKey, { algorithm: 'ES256' });
    const [header, payload, signature = ''] = token.split('.');
    const key = createPublicKey({ format: 'jwk', key: { ...published } });
    const options = { key, dsaEncoding: 'ieee-p1363' as const };
    expect(verify('sha256', Buffer.from(`${header}.${payload}`), options, Buffer.from(signature, 'base64url'))).toBe(
      true,
    );
  });

  test('have the thumbprint as their id', () => {
    const { x, y, kid } = deriveSigningKey(NEW).published;
    const text = `{"crv":"P-256","kty":"EC","x":"${x}","y":"${y}"}`;
    expect(kid).toBe(createHash('sha256').update(text).digest('base64url'));
  });

  test('are needed', () => {
    expect(() => signerOf([])).toThrow(RangeError);
  });
});
