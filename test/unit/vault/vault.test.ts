import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { SetupLinkError, UserVariableValueError, VaultUnavailableError } from '../../../src/errors.ts';
import { MemoryStore } from './memory-store.ts';
import { alice, bob, openTestVault, openWatchedVault, ringOf } from './open-test-vault.ts';

const start = Date.parse('2030-01-01T00:00:00Z');
beforeEach(() => {
  jest.useFakeTimers({ now: start });
});
afterEach(() => {
  jest.useRealTimers();
});

const entriesOf = (values: ReadonlyMap<string, string>) => Object.fromEntries(values);
const seconds = (count: number) => jest.advanceTimersByTimeAsync(count * 1_000);

describe('values', () => {
  test('are each owner’s own, by server', async () => {
    const { vault } = await openTestVault();
    await vault.set(alice, 'jira', new Map([['TOKEN', 'of alice']]));
    await vault.set(bob, 'jira', new Map([['TOKEN', 'of bob']]));
    await vault.set(alice, 'github', new Map([['TOKEN', 'for github']]));
    expect(entriesOf(await vault.values(alice, 'jira'))).toEqual({ TOKEN: 'of alice' });
    expect(entriesOf(await vault.values(bob, 'jira'))).toEqual({ TOKEN: 'of bob' });
    expect(entriesOf(await vault.values(alice, 'github'))).toEqual({ TOKEN: 'for github' });
    expect(entriesOf(await vault.values(bob, 'github'))).toEqual({});
    await vault.close();
  });

  test('are read once, also for many who ask at the same time', async () => {
    const { vault, store } = await openTestVault();
    await vault.set(alice, 'jira', new Map([['TOKEN', 'value']]));
    const all = await Promise.all(Array.from({ length: 20 }, () => vault.values(alice, 'jira')));
    expect(new Set(all.map((values) => values.get('TOKEN')))).toEqual(new Set(['value']));
    await vault.values(alice, 'jira');
    expect(store.times('get')).toBe(1);
    await vault.close();
  });

  test('set together are notified of once, here and on another replica', async () => {
    const store = new MemoryStore();
    const [here, there] = [await openWatchedVault({ store }), await openWatchedVault({ store })];
    const values = new Map([
      ['TOKEN', 'one'],
      ['EMAIL', 'two'],
    ]);
    await here.vault.set(alice, 'jira', values);
    await seconds(2);
    expect(await here.vault.values(alice, 'jira')).toEqual(values);
    expect(here.told).toEqual(['alice/jira']);
    expect(there.told).toEqual(['alice/jira']);
    await Promise.all([here.vault.close(), there.vault.close()]);
  });

  test('stay when sessions are ended, here and on another replica', async () => {
    const store = new MemoryStore();
    const [here, there] = [await openWatchedVault({ store }), await openWatchedVault({ store })];
    const values = new Map([['TOKEN', 'one']]);
    await here.vault.set(alice, 'jira', values);
    await seconds(2);
    await here.vault.endSessions(alice, 'jira');
    await here.vault.endSessions(alice, undefined);
    await seconds(2);
    expect(here.told).toEqual(['alice/jira', 'alice/jira', 'alice/*']);
    expect(there.told).toEqual(['alice/jira', 'alice/jira', 'alice/*']);
    expect(await there.vault.values(alice, 'jira')).toEqual(values);
    await Promise.all([here.vault.close(), there.vault.close()]);
  });

  test('of which one is not well-formed are not set', async () => {
    const { vault, store } = await openTestVault();
    const values = new Map([
      ['TOKEN', 'one'],
      ['EMAIL', 'a\ud800'],
    ]);
    await expect(vault.set(alice, 'jira', values)).rejects.toBeInstanceOf(UserVariableValueError);
    expect(store.rows).toEqual([]);
    await vault.close();
  });

  test('are new at once after a change of this process', async () => {
    const { vault } = await openTestVault();
    const value = async () => (await vault.values(alice, 'jira')).get('TOKEN');
    await vault.set(alice, 'jira', new Map([['TOKEN', 'first']]));
    expect(await value()).toBe('first');
    await vault.set(alice, 'jira', new Map([['TOKEN', 'second']]));
    expect(await value()).toBe('second');
    expect(await vault.remove(alice, 'jira', 'TOKEN')).toBe(true);
    expect(await value()).toBeUndefined();
    expect(await vault.remove(alice, 'jira', 'TOKEN')).toBe(false);
    await vault.set(alice, 'jira', new Map([['TOKEN', 'third']]));
    expect(await value()).toBe('third');
    expect(await vault.erase(alice)).toBe(1);
    expect(await value()).toBeUndefined();
    await vault.close();
  });

  test('are new within seconds after a change of another replica', async () => {
    const store = new MemoryStore();
    const [here, there] = [await openTestVault({ store }), await openTestVault({ store })];
    await there.vault.set(alice, 'jira', new Map([['TOKEN', 'first']]));
    expect((await here.vault.values(alice, 'jira')).get('TOKEN')).toBe('first');
    await there.vault.set(alice, 'jira', new Map([['TOKEN', 'second']]));
    await seconds(2);
    expect((await here.vault.values(alice, 'jira')).get('TOKEN')).toBe('second');
    await here.vault.close();
    await there.vault.close();
  });

  test('that were being read when they changed are not kept', async () => {
    const { vault, store } = await openTestVault();
    await vault.set(alice, 'jira', new Map([['TOKEN', 'old']]));
    let finish: () => void = () => undefined;
    store.afterGet = new Promise((resolve) => {
      finish = resolve;
    });
    const reading = vault.values(alice, 'jira');
    await seconds(0);
    expect(store.times('get')).toBe(1);
    await vault.set(alice, 'jira', new Map([['TOKEN', 'new']]));
    finish();
    expect((await reading).get('TOKEN')).toBe('old');
    expect((await vault.values(alice, 'jira')).get('TOKEN')).toBe('new');
    await vault.close();
  });

  test('in memory go on being served while the database is away; others are refused, never empty', async () => {
    const { vault, store, said } = await openTestVault();
    await vault.set(alice, 'jira', new Map([['TOKEN', 'value']]));
    await vault.values(alice, 'jira');
    store.isAway = true;
    await seconds(7_200);
    expect((await vault.values(alice, 'jira')).get('TOKEN')).toBe('value');
    await expect(vault.values(alice, 'github')).rejects.toBeInstanceOf(VaultUnavailableError);
    await expect(vault.set(alice, 'jira', new Map([['TOKEN', 'x']]))).rejects.toBeInstanceOf(VaultUnavailableError);
    await expect(vault.facts()).rejects.toThrow(
      /^The vault cannot be reached at the moment; try again in a few seconds/,
    );
    expect(said).toEqual([expect.stringMatching(/^error: the vault cannot be reached.*"reason":"ECONNREFUSED"/)]);
    store.isAway = false;
    await seconds(2);
    expect(said.slice(1, 2)).toEqual([expect.stringMatching(/^info: the vault can be reached again/)]);
    expect(said.join()).not.toContain('hunter22');
    await vault.close();
  });

  test('changed during an outage are new after it', async () => {
    const store = new MemoryStore();
    const [here, there] = [await openWatchedVault({ store }), await openTestVault({ store })];
    await there.vault.set(alice, 'jira', new Map([['TOKEN', 'first']]));
    await seconds(2);
    await here.vault.values(alice, 'jira');
    here.told.length = 0;
    await there.vault.set(alice, 'jira', new Map([['TOKEN', 'second']]));
    store.isAway = true;
    await seconds(60);
    expect((await here.vault.values(alice, 'jira')).get('TOKEN')).toBe('first');
    store.isAway = false;
    await seconds(2);
    expect((await here.vault.values(alice, 'jira')).get('TOKEN')).toBe('second');
    expect(here.told).toEqual(['alice/jira']);
    await Promise.all([here.vault.close(), there.vault.close()]);
  });

  test('are all read anew, and sessions ended, when the changes meanwhile are forgotten', async () => {
    const store = new MemoryStore();
    const [here, there] = [await openWatchedVault({ store }), await openTestVault({ store })];
    await there.vault.set(alice, 'jira', new Map([['TOKEN', 'first']]));
    await seconds(2);
    await here.vault.values(alice, 'jira');
    await here.vault.values(bob, 'github');
    here.told.length = 0;
    await there.vault.set(alice, 'jira', new Map([['TOKEN', 'second']]));
    store.isAway = true;
    await seconds(2 * 3_600);
    store.isAway = false;
    await store.tidy({ links: 0, changes: Date.now(), erasures: 0 });
    await seconds(2);
    expect(here.told.toSorted()).toEqual(['alice/jira', 'bob/github']);
    expect((await here.vault.values(alice, 'jira')).get('TOKEN')).toBe('second');
    expect(here.said.join()).toContain('may have been missed');
    await Promise.all([here.vault.close(), there.vault.close()]);
  });

  test('leave the database alone while nobody needs changes', async () => {
    const { vault, store } = await openTestVault();
    await seconds(60);
    expect(store.times('revision')).toBe(0);
    const stop = vault.onChange(() => undefined);
    await seconds(10);
    expect(store.times('revision')).toBeGreaterThan(8);
    stop();
    await seconds(2);
    const asked = store.times('revision');
    await seconds(60);
    expect(store.times('revision')).toBe(asked);
    await vault.close();
  });

  test('hold half a character: refused, for it could not be given back', async () => {
    const { vault, store } = await openTestVault();
    await expect(vault.set(alice, 'jira', new Map([['TOKEN', 'a\ud800']]))).rejects.toBeInstanceOf(
      UserVariableValueError,
    );
    expect(store.rows).toEqual([]);
    await vault.close();
  });
});

describe('listeners', () => {
  test('are notified of each change once, their own included', async () => {
    const store = new MemoryStore();
    const [here, there] = [await openWatchedVault({ store }), await openWatchedVault({ store })];
    await seconds(1);
    await here.vault.set(alice, 'jira', new Map([['TOKEN', 'one']]));
    expect(here.told).toEqual(['alice/jira']);
    await seconds(5);
    await there.vault.set(alice, 'jira', new Map([['TOKEN', 'two']]));
    await here.vault.erase(bob);
    await seconds(5);
    expect(here.told).toEqual(['alice/jira', 'alice/jira', 'bob/*']);
    expect(there.told).toEqual(['alice/jira', 'alice/jira', 'bob/*']);
    await Promise.all([here.vault.close(), there.vault.close()]);
  });

  test('are notified once of a change that is read back before it is done', async () => {
    const { vault, store, told } = await openWatchedVault();
    await seconds(1);
    let finish: () => void = () => undefined;
    store.afterPut = new Promise((resolve) => {
      finish = resolve;
    });
    const setting = vault.set(alice, 'jira', new Map([['TOKEN', 'value']]));
    await seconds(3);
    expect(told).toEqual(['alice/jira']);
    finish();
    await setting;
    await seconds(3);
    expect(told).toEqual(['alice/jira']);
    await vault.close();
  });

  test('are notified of a change that was made although its answer was lost', async () => {
    const { vault, store, told } = await openWatchedVault();
    await seconds(1);
    store.afterPut = Promise.reject(new Error('connection lost'));
    await expect(vault.set(alice, 'jira', new Map([['TOKEN', 'value']]))).rejects.toBeInstanceOf(VaultUnavailableError);
    await seconds(3);
    expect(told).toEqual(['alice/jira']);
    await vault.close();
  });

  test('are not notified of what was not there to be removed, nor after they stopped', async () => {
    const { vault, told } = await openWatchedVault();
    const others: string[] = [];
    const stop = vault.onChange((_owner, server) => void others.push(String(server)));
    await vault.remove(alice, 'jira', 'TOKEN');
    expect(told).toEqual([]);
    stop();
    await vault.set(alice, 'jira', new Map([['TOKEN', 'value']]));
    expect([told, others]).toEqual([['alice/jira'], []]);
    await vault.close();
  });

  test('one that throws keeps the others from nothing', async () => {
    const { vault, said } = await openTestVault();
    const told: string[] = [];
    vault.onChange(() => {
      throw new TypeError('of a listener');
    });
    vault.onChange((_owner, server) => void told.push(String(server)));
    await vault.set(alice, 'jira', new Map([['TOKEN', 'value']]));
    expect(told).toEqual(['jira']);
    expect(said.join()).toContain('could not be passed on');
    await vault.close();
  });
});

describe('facts', () => {
  test('report the last four characters only where that is allowed and the value is long enough', async () => {
    for (const [keepsLastFour, value, expected] of [
      [true, 'abcdefgh1234', '1234'],
      [true, 'abcdefg1234', undefined],
      [false, 'abcdefgh1234', undefined],
    ] as const) {
      const { vault } = await openTestVault({ keepsLastFour });
      await vault.set(alice, 'jira', new Map([['TOKEN', value]]));
      expect((await vault.facts(alice))[0]?.lastFour).toBe(expected);
      await vault.close();
    }
  });

  test('report when a value was set and whether it can be read, never the value', async () => {
    const store = new MemoryStore();
    const { vault } = await openTestVault({ store });
    await vault.set(bob, 'jira', new Map([['TOKEN', 'canary-of-bob']]));
    await vault.set(alice, 'jira', new Map([['TOKEN', 'canary-of-alice']]));
    store.rows = store.rows.map((row) => (row.owner.subject === 'bob' ? { ...row, server: 'github' } : row));
    const facts = await vault.facts();
    expect(facts.map(({ owner, server, isReadable }) => [owner.subject, server, isReadable])).toEqual([
      ['alice', 'jira', true],
      ['bob', 'github', false],
    ]);
    expect(facts[0]?.updatedAt).toBe(start);
    expect(JSON.stringify(facts)).not.toContain('canary');
    expect(JSON.stringify(store.rows)).not.toContain('canary');
    await expect(vault.values(bob, 'github')).rejects.toThrow(/TOKEN for server "github".*set it again/);
    expect(store.rows).toHaveLength(2);
    await vault.close();
  });
});

describe('setup links', () => {
  const profile = { name: 'Alice', email: 'canary@example.org' };
  const linkTo = (server: string) => ({ owner: alice, server, profile });

  test('work once, for their owner and server; the store has only a hash', async () => {
    const { vault, store } = await openTestVault();
    const token = await vault.createLink(linkTo('jira'));
    expect(token).toMatch(/^[\w-]{22}$/);
    expect(JSON.stringify([...store.links])).not.toContain(token);
    expect(JSON.stringify([...store.links])).not.toMatch(/Alice|canary/);
    for (let i = 0; i < 3; i++) expect(await vault.readLink(token)).toEqual(linkTo('jira'));
    expect(await vault.redeemLink(token)).toEqual(linkTo('jira'));
    expect([...store.links.values()].map((link) => link.profile)).toEqual([undefined]);
    await expect(vault.readLink(token)).rejects.toBeInstanceOf(SetupLinkError);
    await expect(vault.redeemLink(token)).rejects.toBeInstanceOf(SetupLinkError);
    await expect(vault.redeemLink(token)).rejects.toThrow(/already been used.*Ask again in the chat/);
    await vault.close();
  });

  test('last fifteen minutes', async () => {
    const { vault } = await openTestVault();
    const [inTime, late] = [await vault.createLink(linkTo('jira')), await vault.createLink(linkTo('jira'))];
    await seconds(15 * 60 - 1);
    await expect(vault.redeemLink(inTime)).resolves.toEqual(linkTo('jira'));
    await seconds(1);
    await expect(vault.redeemLink(late)).rejects.toThrow(/expired after 15 minutes.*Ask again/);
    await vault.close();
  });

  test.each(['', 'x', 'A'.repeat(22), 'ä'.repeat(22), 'A'.repeat(10_000)])('%# are not known', async (token) => {
    const { vault } = await openTestVault();
    await expect(vault.redeemLink(token)).rejects.toThrow(/invalid or has expired.*Ask again/);
    await vault.close();
  });

  test('are forgotten some time after they ended, as are old changes', async () => {
    const { vault, store } = await openTestVault();
    await vault.set(alice, 'jira', new Map([['TOKEN', 'value']]));
    await vault.createLink(linkTo('jira'));
    await seconds(2 * 3_600);
    await vault.createLink(linkTo('github'));
    expect([...store.links.values()].map(({ server }) => server)).toEqual(['github']);
    expect(store.changes).toEqual([]);
    await vault.close();
  });
});

describe('notes of use', () => {
  test('are written together within seconds, and at the end', async () => {
    const { vault, store } = await openTestVault();
    for (let call = 0; call < 100; call++) vault.noteUse(alice, 'jira', 'search');
    vault.noteUse(bob, 'jira', 'search');
    expect(store.times('addUses')).toBe(0);
    await seconds(6);
    expect(store.times('addUses')).toBe(1);
    expect(store.uses.map(({ owner, calls }) => [owner.subject, calls])).toEqual([
      ['alice', 100],
      ['bob', 1],
    ]);
    vault.noteUse(alice, 'jira', 'create');
    await vault.close();
    expect(store.uses.map(({ tool }) => tool)).toEqual(['search', 'search', 'create']);
  });

  test('survive an outage, within bounds', async () => {
    const { vault, store } = await openTestVault();
    store.isAway = true;
    for (let user = 0; user < 10_050; user++) vault.noteUse({ ...alice, subject: `u${user}` }, 'jira', 'search');
    await seconds(30);
    vault.noteUse({ ...alice, subject: 'u10049' }, 'jira', 'search');
    store.isAway = false;
    await seconds(10);
    expect(store.uses).toHaveLength(10_000);
    expect(store.uses.find(({ owner }) => owner.subject === 'u10049')?.calls).toBe(2);
    await vault.close();
  });

  test('about an erased user are not written afterwards', async () => {
    const { vault, store } = await openTestVault();
    vault.noteUse(alice, 'jira', 'search');
    vault.noteCredentials(alice, 'jira', true);
    await vault.erase(alice);
    await seconds(10);
    expect([store.uses, store.refusals]).toEqual([[], []]);
    await vault.close();
  });

  test('of refused credentials cost nothing where they are known, and end with a new value', async () => {
    const { vault, store } = await openTestVault();
    for (let call = 0; call < 50; call++) vault.noteCredentials(alice, 'jira', true);
    expect(await vault.refused(alice)).toEqual([{ server: 'jira', since: start }]);
    for (let call = 0; call < 50; call++) vault.noteCredentials(alice, 'jira', true);
    await seconds(30);
    expect(store.times('markRefused')).toBe(1);
    await vault.set(alice, 'jira', new Map([['TOKEN', 'new']]));
    expect(await vault.refused(alice)).toEqual([]);
    vault.noteCredentials(alice, 'jira', true);
    expect(await vault.refused(alice)).toHaveLength(1);
    vault.noteCredentials(alice, 'jira', false);
    expect(await vault.refused(alice)).toEqual([]);
    await vault.close();
  });
});

describe('keys', () => {
  test('of another vault: it is not opened, and nothing is lost', async () => {
    const store = new MemoryStore();
    const { vault } = await openTestVault({ store });
    await vault.set(alice, 'jira', new Map([['TOKEN', 'value']]));
    await vault.close();
    await expect(openTestVault({ store, keyring: ringOf(2) })).rejects.toThrow(
      /key "MCPO_VAULT_KEY": the vault was made with another key; give that one \(key id [0-9a-f]{16}\)/,
    );
    const again = await openTestVault({ store, keyring: ringOf(2, 1) });
    expect((await again.vault.values(alice, 'jira')).get('TOKEN')).toBe('value');
    await again.vault.close();
  });

  test('that pretend to be the vault’s by their id are refused', async () => {
    const store = new MemoryStore();
    store.vaultKeys = [{ keyId: ringOf(1).active.id, check: ringOf(2).active.check, createdAt: 1 }];
    await expect(openTestVault({ store })).rejects.toThrow(/made with another key/);
  });

  test('nothing is written before the first secret is', async () => {
    const { vault, store } = await openTestVault();
    expect(store.vaultKeys).toEqual([]);
    await vault.set(alice, 'jira', new Map([['TOKEN', 'value']]));
    const { id: keyId, check } = ringOf(1).active;
    expect(store.vaultKeys).toEqual([{ keyId, check, createdAt: start }]);
    await vault.close();
  });

  test('under which secrets lie and that were not given are said, with how many', async () => {
    const store = new MemoryStore();
    const first = await openTestVault({ store });
    await first.vault.set(alice, 'jira', new Map([['TOKEN', 'value']]));
    const both = await openTestVault({ store, keyring: ringOf(2, 1) });
    await both.vault.set(bob, 'jira', new Map([['TOKEN', 'value']]));
    const { vault, said } = await openTestVault({ store, keyring: ringOf(2) });
    expect(said.join()).toMatch(/^warn: secrets are encrypted with keys that were not given.*"secrets":1/);
    expect(said.join()).toContain(ringOf(1).active.id);
    await expect(vault.values(alice, 'jira')).rejects.toThrow(/set it again/);
    expect(store.rows).toHaveLength(2);
    await Promise.all([first, both].map((opened) => opened.vault.close()));
    await vault.close();
  });

  test('are held against the vault when the database comes back that was away at the start', async () => {
    const store = new MemoryStore();
    const { vault } = await openTestVault({ store });
    await vault.set(alice, 'jira', new Map([['TOKEN', 'value']]));
    await vault.close();
    store.isAway = true;
    const [right, wrong] = [await openTestVault({ store }), await openTestVault({ store, keyring: ringOf(2) })];
    await expect(right.vault.values(alice, 'jira')).rejects.toBeInstanceOf(VaultUnavailableError);
    store.isAway = false;
    expect((await right.vault.values(alice, 'jira')).get('TOKEN')).toBe('value');
    await expect(wrong.vault.values(alice, 'jira')).rejects.toThrow(/vault is closed/);
    await expect(wrong.vault.set(alice, 'jira', new Map([['TOKEN', 'x']]))).rejects.toThrow(/vault is closed/);
    expect(wrong.said.filter((line) => line.includes('the vault stays closed'))).toHaveLength(1);
    await Promise.all([right.vault.close(), wrong.vault.close()]);
  });

  test('are read again after a rotation, for reading and for writing', async () => {
    const store = new MemoryStore();
    let ring = ringOf(1);
    const { vault, said } = await openTestVault({ store, reloadKeyring: async () => ring });
    await vault.set(alice, 'jira', new Map([['TOKEN', 'old']]));
    ring = ringOf(2, 1);
    const rotated = await openTestVault({ store, keyring: ring });
    await rotated.vault.set(bob, 'jira', new Map([['TOKEN', 'new']]));
    await vault.set(alice, 'jira', new Map([['TOKEN', 'newer']]));
    expect(store.rows.map(({ keyId }) => keyId)).toEqual([ring.active.id, ring.active.id]);
    expect((await vault.values(bob, 'jira')).get('TOKEN')).toBe('new');
    expect(said.join()).toContain('keys were read again');
    await Promise.all([vault.close(), rotated.vault.close()]);
  });
});

describe('the redactor', () => {
  test('knows values from before they are written until a while after they left the memory', async () => {
    const { vault, store, redactor } = await openTestVault();
    let finish: () => void = () => undefined;
    store.afterPut = new Promise((resolve) => {
      finish = resolve;
    });
    const setting = vault.set(alice, 'jira', new Map([['TOKEN', 'canary-one']]));
    await seconds(0);
    expect(redactor.redact('is canary-one')).toBe('is [redacted]');
    finish();
    await setting;
    await vault.values(alice, 'jira');
    await seconds(3_600);
    expect(redactor.redact('is canary-one')).toBe('is [redacted]');
    await vault.remove(alice, 'jira', 'TOKEN');
    await seconds(30);
    expect(redactor.redact('is canary-one')).toBe('is [redacted]');
    await seconds(60);
    expect(redactor.redact('is canary-one')).toBe('is canary-one');
    await vault.close();
  });
});
