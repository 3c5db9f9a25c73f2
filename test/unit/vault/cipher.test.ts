import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { SecretUnreadableError } from '../../../src/errors.ts';
import { isReadable, open, rewrap, type SealedRow, seal } from '../../../src/vault/cipher.ts';
import { parseKeyring } from '../../../src/vault/keyring.ts';
import type { SecretPlace } from '../../../src/vault/secret-rows.ts';

const seed = Number(process.env.FUZZ_SEED ?? 1);
const keyText = (byte: number) => Buffer.alloc(32, byte).toString('base64');
const ring = parseKeyring(keyText(1), 'MCPO_VAULT_KEY');
const otherRing = parseKeyring(keyText(2), 'MCPO_VAULT_KEY');
const bothRing = parseKeyring(`${keyText(2)},${keyText(1)}`, 'MCPO_VAULT_KEY');

const place: SecretPlace = { owner: { issuer: 'open-webui', subject: 'alice' }, server: 'jira', name: 'JIRA_TOKEN' };
const sealed = (value: string, at: SecretPlace = place, version = 1): SealedRow => ({
  ...at,
  version,
  ...seal(ring, at, version, value),
});

function expectUnreadable(row: SealedRow, keyring = ring): void {
  expect(isReadable(keyring, row)).toBe(false);
  for (const use of [open, rewrap]) {
    try {
      use(keyring, row);
    } catch (error) {
      expect(error).toBeInstanceOf(SecretUnreadableError);
      expect((error as Error).message).toMatch(/^The value of .* can no longer be decrypted; set it again\.$/s);
      expect((error as Error).cause).toBeUndefined();
    }
  }
}

describe('round trip', () => {
  test('gives any text back, through a rewrap, too', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (value) => {
        const row = sealed(value);
        expect(open(ring, row)).toBe(value);
        const rewrapped = { ...row, ...rewrap(bothRing, row) };
        expect(rewrapped.keyId).toBe(otherRing.active.id);
        expect(open(otherRing, rewrapped)).toBe(value);
        expect(isReadable(ring, rewrapped)).toBe(false);
      }),
      { seed, numRuns: 200 },
    );
  });

  test('a value is never to be seen in its cipher text, and no two are alike', () => {
    const rows = Array.from({ length: 50 }, () => sealed('canary-canary-canary'));
    expect(new Set(rows.map(({ cipherText }) => cipherText.split('.')[1])).size).toBe(50);
    expect(new Set(rows.map(({ cipherText }) => cipherText.split('.')[4])).size).toBe(50);
    for (const { cipherText } of rows) {
      expect(cipherText).toMatch(/^1(\.[\w-]+){6}$/);
      const bytes = cipherText.split('.').map((part) => Buffer.from(part, 'base64url').toString('latin1'));
      expect(bytes.join()).not.toContain('canary');
    }
  });

  test('a rewrap keeps the inner layer as it is', () => {
    const row = sealed('value');
    const inner = (text: string) => text.split('.').slice(4);
    expect(inner(rewrap(bothRing, row).cipherText)).toEqual(inner(row.cipherText));
  });
});

describe('what is refused', () => {
  test('any character changed, left out or put in', () => {
    fc.assert(
      fc.property(
        fc.string({ maxLength: 30 }),
        fc.nat(),
        fc.constantFrom(...'ABCXYZabcxyz0189-_.+/= \n'),
        fc.constantFrom(0, 1),
        (value, position, character, removed) => {
          const row = sealed(value);
          const at = position % row.cipherText.length;
          const { cipherText } = row;
          const changed = cipherText.slice(0, at) + character + cipherText.slice(at + removed);
          fc.pre(changed !== cipherText);
          expectUnreadable({ ...row, cipherText: changed });
          expectUnreadable({ ...row, cipherText: cipherText.slice(0, at) + cipherText.slice(at + 1) });
        },
      ),
      { seed, numRuns: 400 },
    );
  });

  test('every single bit of every part', () => {
    const row = sealed('four');
    const parts = row.cipherText.split('.');
    for (const [index, part] of parts.entries()) {
      if (index === 0) continue;
      const bytes = Buffer.from(part, 'base64url');
      for (let bit = 0; bit < bytes.length * 8; bit++) {
        const changed = Buffer.from(bytes);
        changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        expectUnreadable({ ...row, cipherText: parts.with(index, changed.toString('base64url')).join('.') });
      }
    }
  });

  test.each([3, 6])('a tag that was cut short (part %i)', (index) => {
    const row = sealed('value');
    const parts = row.cipherText.split('.');
    const tag = Buffer.from(parts[index] ?? '', 'base64url');
    for (const length of [0, 4, 8, 12, 15]) {
      expectUnreadable({
        ...row,
        cipherText: parts.with(index, tag.subarray(0, length).toString('base64url')).join('.'),
      });
    }
  });

  test.each<[string, (row: SealedRow) => SealedRow]>([
    ['issuer', (row) => ({ ...row, owner: { ...row.owner, issuer: 'other' } })],
    ['subject', (row) => ({ ...row, owner: { ...row.owner, subject: 'bob' } })],
    ['server', (row) => ({ ...row, server: 'github' })],
    ['name', (row) => ({ ...row, name: 'OTHER' })],
    ['version', (row) => ({ ...row, version: 2 })],
    ['key id', (row) => ({ ...row, keyId: otherRing.active.id })],
    [
      'issuer and subject, moved into each other',
      (row) => ({ ...row, owner: { issuer: 'open-webuia', subject: 'lice' } }),
    ],
    ['server and name, moved into each other', (row) => ({ ...row, server: 'jiraJ', name: 'IRA_TOKEN' })],
  ])('a row under another %s', (_, change) => {
    const row = sealed('value');
    expect(isReadable(bothRing, row)).toBe(true);
    expectUnreadable(change(row), bothRing);
  });

  test('two rows whose cipher texts were swapped', () => {
    const text = fc.string({ minLength: 1, maxLength: 8 });
    const anyPlace = fc.record({ owner: fc.record({ issuer: text, subject: text }), server: text, name: text });
    fc.assert(
      fc.property(anyPlace, anyPlace, fc.integer({ min: 1, max: 3 }), (one, other, version) => {
        const isSamePlace = JSON.stringify(one) === JSON.stringify(other);
        fc.pre(!isSamePlace || version !== 1);
        const [first, second] = [sealed('first', one, 1), sealed('second', other, version)];
        expectUnreadable({ ...first, cipherText: second.cipherText });
        expectUnreadable({ ...second, cipherText: first.cipherText });
      }),
      { seed, numRuns: 100 },
    );
  });

  test('layers of two rows put together', () => {
    const [first, second] = [sealed('first'), sealed('second')];
    const [outer, inner] = [first.cipherText.split('.').slice(0, 4), second.cipherText.split('.').slice(4)];
    expectUnreadable({ ...first, cipherText: [...outer, ...inner].join('.') });
  });

  test('another key, and another key under the same id', () => {
    const row = sealed('value');
    expectUnreadable(row, otherRing);
    const forged = { ...otherRing, keys: new Map([[ring.active.id, { ...otherRing.active, id: ring.active.id }]]) };
    expectUnreadable(row, forged);
  });

  test.each(['', '1', '2', '1.....', '1......', 'no cipher text', '{}'])('%j', (cipherText) => {
    expectUnreadable({ ...sealed('value'), cipherText });
  });
});
