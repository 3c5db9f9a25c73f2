import { expect, test } from '@jest/globals';
import { deriveKeys, parseKeyring } from '../../../src/vault/keyring.ts';

const keyText = (byte: number) => Buffer.alloc(32, byte).toString('base64');
const [first, second] = [keyText(1), keyText(2)];

test('the first key writes and all read, whatever stands around the commas', () => {
  const ring = parseKeyring(` ${second} ,\n${first}\n`, 'MCPO_VAULT_KEY');
  expect([...ring.keys.values()]).toHaveLength(2);
  expect(ring.active).toBe([...ring.keys.values()][0]);
  expect(ring.active.id).toBe(parseKeyring(second, 'MCPO_VAULT_KEY').active.id);
});

test('a key has the same id and check value each time, and neither holds a part of it', () => {
  const key = parseKeyring(first, 'MCPO_VAULT_KEY').active;
  const again = parseKeyring(first.replace('=', ''), 'MCPO_VAULT_KEY').active;
  expect([again.id, again.check]).toEqual([key.id, key.check]);
  expect(key.id).toMatch(/^[0-9a-f]{16}$/);
  const hex = Buffer.alloc(32, 1).toString('hex');
  expect(hex).not.toContain(key.id.slice(0, 4));
  expect(Buffer.from(key.check, 'base64url').toString('hex')).not.toContain(hex.slice(0, 8));
  expect(parseKeyring(second, 'MCPO_VAULT_KEY').active.id).not.toBe(key.id);
});

test.each([
  ['', /32 random bytes/],
  ['short', /32 random bytes/],
  [Buffer.alloc(31).toString('base64'), /32 random bytes/],
  [Buffer.alloc(33).toString('base64'), /32 random bytes/],
  [`${first}!`, /32 random bytes/],
  [`${first.slice(0, 42)}F=`, /32 random bytes/],
  [`${first},`, /key 2 of 2/],
  [`${first},${second},nonsense`, /key 3 of 3/],
  [`${first},${second},${first.replace('=', '')}`, /key 3 of 3 is given twice/],
])('%j is no ring, and the message tells none of it', (text, reason) => {
  const parse = () => parseKeyring(text, 'MCPO_VAULT_KEY');
  expect(parse).toThrow(reason);
  expect(parse).toThrow(/^key "MCPO_VAULT_KEY": [^\n]+$/);
  expect(parse).not.toThrow(first.slice(0, 8));
});

test('derived keys differ by use and by key, the active one first', () => {
  const ring = parseKeyring(`${first},${second}`, 'MCPO_VAULT_KEY');
  const all = [...deriveKeys(ring, 'cookies'), ...deriveKeys(ring, 'signing')];
  expect(all.map((key) => key.length)).toEqual([32, 32, 32, 32]);
  const texts = [...all, ring.active.wrapping.export(), ring.active.master.export()].map((key) => key.toString('hex'));
  expect(new Set(texts).size).toBe(6);
  const turned = deriveKeys(parseKeyring(`${second},${first}`, 'MCPO_VAULT_KEY'), 'cookies');
  expect(turned).toEqual(deriveKeys(ring, 'cookies').toReversed());
});
