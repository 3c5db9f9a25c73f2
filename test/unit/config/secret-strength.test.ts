import { randomBytes } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { generateApiKey, hashApiKey } from '../../../src/auth/api-key.ts';
import { apiKeyWeakness, hashedKeyWeakness, hmacSecretWeakness } from '../../../src/config/secret-strength.ts';

describe('an API key', () => {
  test.each([
    'Zq8',
    'sekret',
    '7f3a9c51e2b8d04',
    'changeme-changeme',
    'CHANGE_ME_PLEASE_1234',
    't0p-s3cr3t-t0p-s3cr3t',
    'top-secret-password!!',
    'your-api-key-here',
    'my-super-secret-api-key-2024',
    'p4ssw0rd-f0r-my-t3st',
    'aaaaaaaaaaaaaaaaaaaa',
    'abcabcabcabcabcabcabc',
    '7f3a9c51e2b8d047f3a9c51e2b8d04',
    '0123456789abcdef',
    '12345678901234567890',
    'qwertyuiopasdfghjkl',
    'test-test-test-test',
    '                    Z',
  ])('%j is weak, and is not repeated', (key) => {
    const weakness = apiKeyWeakness(key);
    expect(weakness).toMatch(/openssl rand -hex 32.*--allow-weak-secrets/);
    expect(weakness).not.toContain(key);
  });

  test.each(['7f3a9c51e2b8d046', 'key-of-the-audit-test', 'correct horse battery staple', 'sk-live-Zq81mRt0PvXe'])(
    '%j is not',
    (key) => {
      expect(apiKeyWeakness(key)).toBeUndefined();
    },
  );

  test('random ones never are', () => {
    for (let round = 0; round < 200; round += 1) {
      for (const key of [
        generateApiKey(),
        randomBytes(8).toString('hex'),
        randomBytes(12).toString('base64'),
        randomBytes(32).toString('hex'),
      ]) {
        expect([key, apiKeyWeakness(key)]).toEqual([key, undefined]);
      }
      const secret = randomBytes(16).toString('hex');
      expect([secret, hmacSecretWeakness(secret)]).toEqual([secret, undefined]);
    }
  });
});

test('a long text takes no time to speak of', () => {
  expect(apiKeyWeakness(`${'test'.repeat(4_000)}q`)).toBeUndefined();
  expect(hmacSecretWeakness(`${'az'.repeat(50_000)}q`)).toBeUndefined();
});

test.each([
  ['s'.repeat(31), /fewer than 32 bytes/],
  ['7f3a9c51e2b8d0467f3a9c51e2b8d04', /fewer than 32 bytes/],
  ['your-256-bit-secret-your-256-bit-secret', /well-known/],
  ['7f3a9c51e2b8d0467f3a9c51e2b8d046', /repeats itself/],
  // 16 characters of two bytes each.
  ['äöüßàéèùçñøåæœîô', undefined],
  ['7f3a9c51e2b8d046aa19c3e05d7b2f48', undefined],
])('the HMAC secret %j', (secret, expected) => {
  if (expected === undefined) expect(hmacSecretWeakness(secret)).toBeUndefined();
  else expect(hmacSecretWeakness(secret)).toMatch(expected);
});

test('a hashed key is compared with the hashes of well-known words', () => {
  for (const word of ['changeme', 'secret123', 'top-secret', 't0p-s3cr3t', 'password1']) {
    expect([word, hashedKeyWeakness(hashApiKey(word))]).toEqual([word, expect.stringMatching(/well-known word/)]);
  }
  expect(hashedKeyWeakness(hashApiKey(generateApiKey()))).toBeUndefined();
});
