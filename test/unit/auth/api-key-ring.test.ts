import { expect, test } from '@jest/globals';
import { generateApiKey, hashApiKey } from '../../../src/auth/api-key.ts';
import { ApiKeyRing } from '../../../src/auth/api-key-ring.ts';
import { keyRecord, OPEN_WEBUI } from './open-webui-request.ts';

test('keys are random, recognisable, and kept as SHA-256', () => {
  const keys = new Set(Array.from({ length: 100 }, generateApiKey));
  expect(keys.size).toBe(100);
  for (const key of keys) expect(key).toMatch(/^mcpo_[A-Za-z0-9_-]{43}$/);
  expect(hashApiKey('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
});

test('holds the keys of all sources, and replaces those of one', () => {
  const ring = new ApiKeyRing();
  ring.replace('file', [keyRecord('f', 'one')]);
  ring.replace('database', [keyRecord('a', 'two'), keyRecord('b', 'three')]);
  expect(['one', 'two', 'three', 'four', ''].map((key) => ring.find(key)?.id)).toEqual([
    'f',
    'a',
    'b',
    undefined,
    undefined,
  ]);
  ring.replace('database', [keyRecord('b', 'three')]);
  expect(['one', 'two', 'three'].map((key) => ring.find(key)?.id)).toEqual(['f', undefined, 'b']);
});

test('a key ends at its time, unless another source has it without one', () => {
  const ring = new ApiKeyRing();
  ring.replace('file', [keyRecord('f', 'key', { expiresAt: 1_000 })]);
  expect(ring.find('key', 999)?.id).toBe('f');
  expect(ring.find('key', 1_000)).toBeUndefined();
  ring.replace('database', [keyRecord('d', 'key')]);
  expect(ring.find('key', 1_000)?.id).toBe('d');
});

test('once there were keys, it does not forget that', () => {
  const ring = new ApiKeyRing();
  expect(ring.hasKeys).toBe(false);
  ring.replace('database', [keyRecord('a', 'x')]);
  ring.replace('database', []);
  expect(ring.hasKeys).toBe(true);
});

test('a spoilt hash matches nothing and breaks nothing', () => {
  const ring = new ApiKeyRing();
  ring.replace('file', [keyRecord('a', 'x', { hash: 'zz' }), keyRecord('b', 'x', { hash: '' }), keyRecord('c', 'y')]);
  expect(ring.find('x')).toBeUndefined();
  expect(ring.find('y')?.id).toBe('c');
});

test('the last use of keys in the database is handed out once', () => {
  const ring = new ApiKeyRing();
  ring.replace('file', [keyRecord('f', 'file')]);
  ring.replace('database', [keyRecord('d', 'db')]);
  for (const name of ['file', 'db']) {
    const key = ring.find(name);
    if (key) ring.noteUse(key, 5);
  }
  expect([...ring.takeUses()]).toEqual([['d', 5]]);
  expect(ring.takeUses().size).toBe(0);
});

test.each([
  [{}, false],
  [{ trustUserHeaders: true }, true],
  [{ userJwtSecret: 's' }, true],
])('the single key may do everything; it asserts users under %j: %j', (openWebUi, assertsUser) => {
  const ring = new ApiKeyRing();
  ring.replaceGiven({ apiKey: 'single', keys: [], openWebUi: { ...OPEN_WEBUI, ...openWebUi } });
  expect(ring.find('single')).toEqual(
    expect.objectContaining({ id: 'default', assertsUser, principal: expect.objectContaining({ kind: 'api-key' }) }),
  );
  expect(ring.find('single')?.principal.scopes.allows('admin')).toBe(true);
});

test('a fingerprint distinguishes a key from the one that takes its place, and ends with it', () => {
  const ring = new ApiKeyRing();
  ring.replace('database', [keyRecord('a', 'one', { expiresAt: 1_000 })]);
  const fingerprintOf = (id: string, now: number) => ring.findById(id, now)?.fingerprint;
  const first = fingerprintOf('a', 999);
  expect(first).toMatch(/^[\w-]{16}$/);
  expect(hashApiKey('one')).not.toContain(Buffer.from(first ?? '', 'base64url').toString('hex'));
  expect(fingerprintOf('a', 999)).toBe(first);
  expect(fingerprintOf('a', 1_000)).toBeUndefined();
  expect(fingerprintOf('b', 999)).toBeUndefined();
  ring.replace('database', [keyRecord('a', 'two')]);
  expect(fingerprintOf('a', 999)).not.toBe(first);
});

test('lists the keys of the settings with their last use in this run, and none of the database', () => {
  const ring = new ApiKeyRing();
  ring.replaceGiven({
    apiKey: 'single',
    keys: [keyRecord('f', 'file', { user: { issuer: 'i', subject: 's' }, expiresAt: 9 })],
    openWebUi: OPEN_WEBUI,
  });
  ring.replace('database', [keyRecord('d', 'db')]);
  for (const name of ['single', 'db']) {
    const key = ring.find(name);
    if (key) ring.noteUse(key, 5);
  }
  expect(ring.listGiven()).toMatchObject([
    { id: 'default', source: 'single', user: undefined, expiresAt: undefined, lastUsedAt: 5 },
    { id: 'f', source: 'file', user: { issuer: 'i', subject: 's' }, expiresAt: 9, lastUsedAt: undefined },
  ]);
  expect(JSON.stringify(ring.listGiven())).not.toMatch(/hash|[0-9a-f]{64}/);
});
