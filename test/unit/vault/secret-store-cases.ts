import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { UserId } from '../../../src/auth/user.ts';
import type { SecretPlace, SecretRow } from '../../../src/vault/secret-rows.ts';
import type { SecretStore } from '../../../src/vault/secret-store.ts';

export interface StoreUnderTest {
  /** The same store again, each time on connections of its own. */
  open(): Promise<SecretStore>;
  remove(): Promise<void>;
}

const NOW = 1_790_000_000_000;
const ann: UserId = { issuer: 'open-webui', subject: 'ann' };
const bob: UserId = { issuer: 'open-webui', subject: 'bob' };

const at = (owner: UserId, server: string, name: string): SecretPlace => ({ owner, server, name });
const sealAs =
  (text: string, keyId = 'k1') =>
  (version: number) => ({ keyId, cipherText: `${text} ${version}` });
const names = (rows: readonly SecretRow[]) => rows.map(({ name }) => name);

/** What every secret store does, whatever it keeps the secrets in. */
export function describeSecretStore(title: string, make: () => Promise<StoreUnderTest>): void {
  describe(title, () => {
    let underTest: StoreUnderTest;
    let store: SecretStore;

    beforeEach(async () => {
      underTest = await make();
      store = await underTest.open();
    });
    afterEach(() => underTest.remove());

    const put = (place: SecretPlace, text = 'text', now = NOW) =>
      store.put([{ place, seal: sealAs(text), lastFour: undefined }], now);

    const tidy = (times: Partial<Parameters<SecretStore['tidy']>[0]>) =>
      store.tidy({ links: 0, changes: 0, erasures: 0, ...times });

    test('announces what is no change to whoever follows the changes', async () => {
      await store.announce(ann, 'jira', NOW);
      await store.announce(bob, undefined, NOW);
      expect(await store.changesAfter(0)).toEqual([
        { revision: 1, owner: ann, server: 'jira' },
        { revision: 2, owner: bob, server: undefined },
      ]);
      expect(await store.list()).toEqual([]);
    });

    test('gives back what was put, numbers as numbers and names as they were', async () => {
      const owner = { issuer: 'https://id.example/ü', subject: "o'b\\%_|\n😀" };
      const place = at(owner, 'jira.eu-1', '__proto__');
      await store.put([{ place, seal: sealAs('cipher', 'key-2'), lastFour: '😀$&x' }], NOW);
      const row: SecretRow = {
        ...place,
        version: 1,
        keyId: 'key-2',
        cipherText: 'cipher 1',
        lastFour: '😀$&x',
        updatedAt: NOW,
        lastUsedAt: undefined,
      };
      expect(await store.get(owner, 'jira.eu-1')).toStrictEqual([row]);
      expect(await store.list(owner)).toStrictEqual([row]);
      expect(await store.list()).toStrictEqual([row]);
      expect(await store.changesAfter(0)).toStrictEqual([{ revision: 1, owner, server: 'jira.eu-1' }]);
    });

    test('gives nobody what is another owner’s or another server’s', async () => {
      await put(at(ann, 'jira', 'A'));
      await put(at({ issuer: 'other', subject: 'ann' }, 'jira', 'B'));
      await put(at(bob, 'jira', 'C'));
      await put(at(ann, 'git', 'D'));
      expect(names(await store.get(ann, 'jira'))).toEqual(['A']);
      expect(names(await store.list(ann))).toEqual(['D', 'A']);
      expect(await store.get({ issuer: 'Open-WebUI', subject: 'ann' }, 'jira')).toEqual([]);
      expect(await store.get(ann, 'JIRA')).toEqual([]);
    });

    test('lists by owner, server and name in the order of their bytes', async () => {
      const order = ['B', '_', 'a', 'ab', 'ä', '\uffee', '😀'];
      for (const subject of [...order].reverse()) await put(at({ issuer: 'i', subject }, 's', 'n'));
      for (const name of [...order].reverse()) await put(at({ issuer: 'j', subject: 's' }, 's', name));
      for (const server of [...order].reverse()) await put(at({ issuer: 'k', subject: 's' }, server, 'n'));
      const rows = await store.list();
      expect(rows.slice(0, 7).map(({ owner }) => owner.subject)).toEqual(order);
      expect(names(rows.slice(7, 14))).toEqual(order);
      expect(rows.slice(14).map(({ server }) => server)).toEqual(order);
    });

    test('a value that is set again has the next version, and has not been used', async () => {
      const place = at(ann, 'jira', 'TOKEN');
      await store.put([{ place, seal: sealAs('one'), lastFour: 'abcd' }], NOW);
      await store.addUses([{ owner: ann, server: 'jira', tool: 't', lastUsedAt: NOW + 1, calls: 1 }]);
      expect((await store.get(ann, 'jira'))[0]?.lastUsedAt).toBe(NOW + 1);
      await store.put([{ place, seal: sealAs('two', 'k2'), lastFour: undefined }], NOW + 2);
      expect(await store.list()).toStrictEqual([
        {
          ...place,
          version: 2,
          keyId: 'k2',
          cipherText: 'two 2',
          lastFour: undefined,
          updatedAt: NOW + 2,
          lastUsedAt: undefined,
        },
      ]);
      expect(await store.revision()).toBe(2);
    });

    test('a value that cannot be sealed changes nothing, and the next one can be set', async () => {
      const failure = new Error('no key');
      const fail = () => {
        throw failure;
      };
      await expect(store.put([{ place: at(ann, 'jira', 'TOKEN'), seal: fail, lastFour: undefined }], NOW)).rejects.toBe(
        failure,
      );
      expect(await store.list()).toEqual([]);
      expect(await store.revision()).toBe(0);
      await put(at(ann, 'jira', 'TOKEN'));
      expect(await store.changesAfter(0)).toEqual([{ revision: 1, owner: ann, server: 'jira' }]);
    });

    test('several values are stored together, with one change for their server', async () => {
      const secrets = ['A', 'B', 'C'].map((name) => ({
        place: at(ann, 'jira', name),
        seal: sealAs(name),
        lastFour: undefined,
      }));
      await store.put(secrets, NOW);
      expect(names(await store.get(ann, 'jira'))).toEqual(['A', 'B', 'C']);
      expect(await store.changesAfter(0)).toEqual([{ revision: 1, owner: ann, server: 'jira' }]);
    });

    test('of several values of which the second fails none is stored, and nothing is noted', async () => {
      await put(at(ann, 'jira', 'A'), 'old');
      const failure = new Error('the second fails');
      const fail = () => {
        throw failure;
      };
      const secrets = [
        { place: at(ann, 'jira', 'A'), seal: sealAs('new'), lastFour: undefined },
        { place: at(ann, 'jira', 'B'), seal: fail, lastFour: undefined },
      ];
      await expect(store.put(secrets, NOW + 1)).rejects.toBe(failure);
      expect(await store.list()).toEqual([expect.objectContaining({ name: 'A', cipherText: 'old 1' })]);
      expect(await store.revision()).toBe(1);
    });

    test('values set at once in one place all count, each with a version of its own', async () => {
      const stores = [store, await underTest.open(), await underTest.open()];
      const place = at(ann, 'jira', 'TOKEN');
      await Promise.all(
        Array.from({ length: 24 }, (_, index) =>
          stores[index % 3]?.put([{ place, seal: sealAs('x'), lastFour: undefined }], NOW),
        ),
      );
      expect(await store.get(ann, 'jira')).toEqual([expect.objectContaining({ version: 24, cipherText: 'x 24' })]);
      const revisions = (await store.changesAfter(0)).map(({ revision }) => revision);
      expect(revisions).toEqual(Array.from({ length: 24 }, (_, index) => index + 1));
    });

    test('a reader of a revision sees every change up to it', async () => {
      const writers = [await underTest.open(), await underTest.open()];
      let looks = 0;
      let writes = 0;
      let areDone = false;
      let isOver = false;
      // The writers go on until the reader has looked in between. SQLite answers at once, so all leave each other a turn.
      const writing = Promise.all(
        writers.map(async (writer, index) => {
          for (let round = 0; !isOver && (round < 10 || looks < 10); round += 1) {
            await writer.put(
              [{ place: at(ann, `s${index}`, `n${round}`), seal: sealAs('x'), lastFour: undefined }],
              NOW,
            );
            writes += 1;
            await new Promise(setImmediate);
          }
        }),
      ).finally(() => {
        areDone = true;
      });
      try {
        while (!areDone) {
          const revision = await store.revision();
          const seen = (await store.changesAfter(0)).filter((change) => change.revision <= revision);
          expect(seen).toHaveLength(revision);
          looks += 1;
          await new Promise(setImmediate);
        }
      } finally {
        isOver = true;
        await writing;
      }
      expect(await store.revision()).toBe(writes);
    });

    test('removes one value, and says whether there was one', async () => {
      await put(at(ann, 'jira', 'A'));
      await put(at(ann, 'jira', 'B'));
      expect(await store.remove(at(ann, 'jira', 'A'), NOW)).toBe(1);
      expect(await store.remove(at(ann, 'jira', 'A'), NOW)).toBe(0);
      expect(await store.remove(at(bob, 'jira', 'B'), NOW)).toBe(0);
      expect(names(await store.list())).toEqual(['B']);
      expect((await store.changesAfter(2)).map(({ revision }) => revision)).toEqual([3]);
      expect(await store.revision()).toBe(3);
    });

    test('erases everything of an owner and nothing of another, in one change', async () => {
      const link = { server: 'jira', expiresAt: NOW + 9, profile: undefined };
      for (const owner of [ann, bob]) {
        await put(at(owner, 'jira', 'A'));
        await put(at(owner, 'git', 'A'));
        await store.addLink({ ...link, hash: `of ${owner.subject}`, owner });
        await store.addUses([{ owner, server: 'jira', tool: 't', lastUsedAt: NOW, calls: 1 }]);
        await store.markRefused(owner, 'jira', NOW);
      }
      expect(await store.erase(ann, NOW)).toBe(2);
      expect(await store.list(ann)).toEqual([]);
      expect(await store.recentUses(ann, 9)).toEqual([]);
      expect(await store.refused(ann)).toEqual([]);
      expect(await store.useLink('of ann', NOW)).toBe(false);
      expect(await store.changesAfter(4, [bob, ann])).toStrictEqual([{ revision: 5, owner: ann, server: undefined }]);
      expect(await store.changesAfter(4, [bob])).toStrictEqual([{ revision: 5, owner: undefined, server: undefined }]);

      expect(names(await store.list(bob))).toEqual(['A', 'A']);
      expect(await store.recentUses(bob, 9)).toHaveLength(1);
      expect(await store.refused(bob)).toHaveLength(1);
      expect(await store.useLink('of bob', NOW)).toBe(true);
      expect(await store.erase(ann, NOW)).toBe(0);
    });

    test('what was noted of an owner before the erasure, or within a minute of it, is not written down after it', async () => {
      await put(at(ann, 'jira', 'A'));
      await store.erase(ann, NOW);
      const other = await underTest.open();
      const use = { server: 'jira', tool: 't', calls: 1 };
      await other.addUses([
        { ...use, owner: ann, lastUsedAt: NOW - 5_000 },
        { ...use, owner: ann, lastUsedAt: NOW + 5_000 },
        { ...use, owner: bob, lastUsedAt: NOW },
      ]);
      await other.markRefused(ann, 'jira', NOW + 5_000);
      await other.markRefused(bob, 'jira', NOW);
      expect([await store.recentUses(ann, 9), await store.refused(ann)]).toEqual([[], []]);
      expect([await store.recentUses(bob, 9), await store.refused(bob)]).toMatchObject([[{ calls: 1 }], [{}]]);
      // Somebody who goes on using the service is noted again.
      await other.addUses([{ ...use, owner: ann, lastUsedAt: NOW + 120_000 }]);
      expect(await store.recentUses(ann, 9)).toHaveLength(1);
    });

    test('an erasure and notes on their way, in whatever order, leave nothing', async () => {
      const other = await underTest.open();
      for (let round = 0; round < 20; round++) {
        const owner = { issuer: 'i', subject: `round-${round}` };
        const uses = Array.from({ length: 5 }, (_, index) => ({
          owner,
          server: 's',
          tool: `t${index}`,
          lastUsedAt: NOW,
          calls: 1,
        }));
        await store.addUses(uses.slice(0, 2));
        await Promise.all([
          other.addUses(uses),
          store.erase(owner, NOW),
          other.markRefused(owner, 's', NOW),
          other.addUses(uses.slice(3)),
        ]);
        expect([await store.recentUses(owner, 9), await store.refused(owner)]).toEqual([[], []]);
      }
    });

    test('counts the secrets under each key', async () => {
      for (const name of ['A', 'B', 'C', 'D']) {
        for (const owner of [ann, bob])
          await store.put([{ place: at(owner, 's', name), seal: sealAs('x', 'old'), lastFour: undefined }], NOW);
      }
      await store.put([{ place: at(bob, 's', 'A'), seal: sealAs('x', 'new'), lastFour: undefined }], NOW);
      expect([...(await store.countByKey())]).toEqual([
        ['new', 1],
        ['old', 7],
      ]);
    });

    test('wraps a row anew unless it was changed meanwhile, which is no change of the secret', async () => {
      const place = at(ann, 's', 'A');
      await put(place, 'first');
      const [row] = await store.list();
      if (row === undefined) throw new Error('there is no row');
      expect(await store.rewrap(row, 'k2', 'wrapped')).toBe(true);
      expect(await store.list()).toStrictEqual([{ ...row, keyId: 'k2', cipherText: 'wrapped' }]);
      expect(await store.revision()).toBe(1);

      expect(await store.rewrap(row, 'k3', 'lost')).toBe(false);
      await put(place, 'second');
      expect(await store.rewrap({ ...row, cipherText: 'wrapped' }, 'k3', 'lost')).toBe(false);
      await store.remove(place, NOW);
      expect(await store.rewrap(row, 'k3', 'lost')).toBe(false);
      await put(place, 'third');
      expect(await store.rewrap(row, 'k3', 'lost')).toBe(false);
      expect((await store.list()).map(({ cipherText }) => cipherText)).toEqual(['third 1']);
    });

    test('stores thousands of values in one change each for an owner and a server', async () => {
      const secrets = Array.from({ length: 2_500 }, (_, index) => ({
        place: at({ issuer: 'i', subject: `u${index % 500}` }, 's', `n${index}`),
        seal: sealAs('c'),
        lastFour: undefined,
      }));
      expect(await store.put(secrets, NOW)).toBe(2_500);
      expect(await store.list()).toHaveLength(2_500);
      expect(await store.revision()).toBe(500);
      expect(await store.changesAfter(0)).toHaveLength(500);
    });

    test('keeps the first check value of a key, whichever comes second', async () => {
      const other = await underTest.open();
      await Promise.all(
        [store, other].map((one, index) =>
          one.addKey({ keyId: 'k1', check: `check ${index}`, createdAt: NOW + index }),
        ),
      );
      const [kept] = await store.keys();
      expect(kept).toEqual({
        keyId: 'k1',
        check: expect.stringMatching(/^check [01]$/),
        createdAt: expect.any(Number),
      });
      await store.addKey({ keyId: 'k1', check: 'check 2', createdAt: NOW + 2 });
      await store.addKey({ keyId: 'k0', check: 'later', createdAt: NOW + 9 });
      expect(await other.keys()).toStrictEqual([kept, { keyId: 'k0', check: 'later', createdAt: NOW + 9 }]);
    });

    test('a link is unused for exactly one of many at once', async () => {
      const link = { hash: 'ab12', owner: ann, server: 'jira', expiresAt: NOW + 900_000, profile: undefined };
      await store.addLink(link);
      const stores = [store, await underTest.open()];
      const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => stores[i % 2]?.useLink('ab12', NOW + i)));
      expect(answers.filter(Boolean)).toEqual([true]);
      expect(await store.useLink('ab13', NOW)).toBe(false);
    });

    test('shows a link as often as it is asked for, with its profile until the first use', async () => {
      const link = { hash: 'ab12', owner: ann, server: 'jira', expiresAt: NOW + 9, profile: 'sealed' };
      await store.addLink(link);
      for (let i = 0; i < 3; i++) expect(await store.getLink('ab12')).toStrictEqual({ ...link, wasUsed: false });
      await store.useLink('ab12', NOW);
      expect(await store.getLink('ab12')).toStrictEqual({ ...link, profile: undefined, wasUsed: true });
      expect(await store.getLink('ab13')).toBeUndefined();
    });

    test('knows whoever has done something, and nobody for whom there is only a link', async () => {
      const link = { hash: 'h', owner: ann, server: 'jira', expiresAt: NOW, profile: undefined };
      await store.addLink(link);
      expect(await store.knows(ann)).toBe(false);
      await store.addUses([{ owner: ann, server: 'jira', tool: 'search', lastUsedAt: NOW, calls: 1 }]);
      await put(at(bob, 'jira', 'TOKEN'));
      const stranger = { issuer: 'https://id.example', subject: 'ann' };
      expect([await store.knows(ann), await store.knows(bob), await store.knows(stranger)]).toEqual([
        true,
        true,
        false,
      ]);
      await store.erase(bob, NOW);
      expect(await store.knows(bob)).toBe(false);
    });

    test('forgets links that have expired', async () => {
      for (const [hash, expiresAt] of [
        ['early', NOW - 1],
        ['late', NOW],
      ] as const) {
        await store.addLink({ hash, owner: ann, server: 's', expiresAt, profile: undefined });
      }
      await tidy({ links: NOW });
      expect(await store.useLink('early', NOW)).toBe(false);
      expect(await store.useLink('late', NOW)).toBe(true);
    });

    test('adds calls up and keeps the latest time, the latest use first', async () => {
      const use = (tool: string, lastUsedAt: number, calls: number, owner = ann) => ({
        owner,
        server: 's',
        tool,
        lastUsedAt,
        calls,
      });
      await store.addUses([]);
      await store.addUses([use('a', NOW, 1), use('b', NOW + 1, 2), use('z', NOW, 1, bob)]);
      await store.addUses([use('a', NOW - 7, 5_000_000_000), use('b', NOW - 9, 3), use('c', NOW, 1)]);
      expect(await store.recentUses(ann, 9)).toStrictEqual([
        { server: 's', tool: 'b', lastUsedAt: NOW + 1, calls: 5 },
        { server: 's', tool: 'a', lastUsedAt: NOW, calls: 5_000_000_001 },
        { server: 's', tool: 'c', lastUsedAt: NOW, calls: 1 },
      ]);
      expect((await store.recentUses(ann, 2)).map(({ tool }) => tool)).toEqual(['b', 'a']);
    });

    test('a use is one of the secrets that were set by then', async () => {
      await put(at(ann, 's', 'OLD'), 'x', NOW);
      await put(at(ann, 's', 'NEW'), 'x', NOW + 10);
      await put(at(ann, 'other', 'A'), 'x', NOW);
      await put(at(bob, 's', 'A'), 'x', NOW);
      const use = { owner: ann, server: 's', tool: 't', calls: 1 };
      await store.addUses([
        { ...use, lastUsedAt: NOW + 5 },
        { ...use, tool: 'u', lastUsedAt: NOW + 3 },
      ]);
      await store.addUses([{ ...use, lastUsedAt: NOW + 4 }]);
      expect((await store.list()).map(({ name, lastUsedAt }) => [name, lastUsedAt])).toEqual([
        ['A', undefined],
        ['NEW', undefined],
        ['OLD', NOW + 5],
        ['A', undefined],
      ]);
    });

    test('uses of many users written down by two at once are all counted', async () => {
      const uses = Array.from({ length: 1_000 }, (_, index) => ({
        owner: { issuer: 'i', subject: `u${index % 50}` },
        server: `s${index % 3}`,
        tool: `t${index}`,
        lastUsedAt: NOW + index,
        calls: 1,
      }));
      const other = await underTest.open();
      await Promise.all([store.addUses(uses), other.addUses([...uses].reverse()), store.erase(bob, NOW)]);
      const kept = await Promise.all(
        Array.from({ length: 50 }, (_, index) => store.recentUses({ issuer: 'i', subject: `u${index}` }, 99)),
      );
      expect(kept.flat().reduce((sum, { calls }) => sum + calls, 0)).toBe(2_000);
    });

    test('notes since when credentials are refused, the earliest time that was reported, until they are taken', async () => {
      await store.markRefused(ann, 'jira', NOW + 5);
      await store.markRefused(ann, 'jira', NOW);
      await store.markRefused(ann, 'jira', NOW + 9);
      await store.markRefused(ann, 'git', NOW);
      await store.markRefused(bob, 'jira', NOW);
      expect(await store.refused(ann)).toStrictEqual([
        { server: 'git', since: NOW },
        { server: 'jira', since: NOW },
      ]);
      await store.markRefused(ann, 'jira', undefined);
      await store.markRefused(ann, 'none', undefined);
      expect((await store.refused(ann)).map(({ server }) => server)).toEqual(['git']);
      expect(await store.refused(bob)).toHaveLength(1);
    });

    test('forgets old changes but not how many there were', async () => {
      await put(at(ann, 's', 'A'), 'x', NOW);
      await put(at(ann, 's', 'A'), 'x', NOW + 1);
      await tidy({ changes: NOW + 1 });
      expect((await store.changesAfter(0)).map(({ revision }) => revision)).toEqual([2]);
      await tidy({ changes: NOW + 2 });
      expect(await store.changesAfter(0)).toEqual([]);
      expect(await store.revision()).toBe(2);
      await put(at(ann, 's', 'A'), 'x', NOW + 3);
      expect((await store.changesAfter(2)).map(({ revision }) => revision)).toEqual([3]);
    });
  });
}
