import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { toUserKey } from '../../../src/auth/user.ts';
import { alice, bob, openTestVault, ringOf } from './open-test-vault.ts';

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());
const seconds = (count: number) => jest.advanceTimersByTimeAsync(count * 1_000);
const named = { ...alice, name: 'Alice Example', email: 'alice@example.org' };

test('a profile is written once within seconds, encrypted, and again when it changes', async () => {
  const { vault, store } = await openTestVault();
  for (let call = 0; call < 100; call++) vault.noteUse(named, 'jira', 'search');
  await seconds(6);
  expect(store.times('putProfiles')).toBe(1);
  expect(JSON.stringify(store.profileRows)).not.toContain('example.org');
  vault.noteUse({ ...named, email: 'alice@example.com' }, 'jira', 'search');
  expect(await vault.profiles()).toEqual(
    new Map([[toUserKey(alice), { name: 'Alice Example', email: 'alice@example.com' }]]),
  );
  await vault.close();
});

test('who is known by nothing has none, and the profile of one user is not another one', async () => {
  const { vault, store } = await openTestVault();
  vault.noteUse(bob, 'jira', 'search');
  vault.noteProfile(named);
  expect((await vault.profiles(bob)).size).toBe(0);
  expect((await vault.profiles(alice)).size).toBe(1);
  // Rows that were swapped in the database are not read.
  store.profileRows = store.profileRows.map((row) => ({ ...row, owner: bob }));
  expect((await vault.profiles()).size).toBe(0);
  await vault.close();
});

test('an erased user has none, and one under another key is unknown until the next call', async () => {
  const { vault, store } = await openTestVault();
  vault.noteProfile(named);
  await vault.erase(alice);
  await seconds(10);
  expect((await vault.profiles()).size).toBe(0);
  vault.noteProfile(named);
  expect((await vault.profiles()).size).toBe(1);
  store.vaultKeys = [];
  const other = await openTestVault({ store, keyring: ringOf(2) });
  expect((await other.vault.profiles()).size).toBe(0);
  other.vault.noteProfile(named);
  expect((await other.vault.profiles()).size).toBe(1);
  await Promise.all([vault.close(), other.vault.close()]);
});

test('an outage loses none', async () => {
  const { vault, store } = await openTestVault();
  store.isAway = true;
  vault.noteProfile(named);
  await seconds(10);
  store.isAway = false;
  expect((await vault.profiles()).size).toBe(1);
  await vault.close();
});
