import { describe, expect, test } from '@jest/globals';
import { SecretStore } from '../../../src/vault/secret-store.ts';
import type { MakeDatabase } from '../db/test-database.ts';

const sealed = () => ({ keyId: 'k', cipherText: 'c' });

/** What a database cannot give back as it was is refused, lest two owners become one. */
export function describeUnstorableNames(title: string, make: MakeDatabase): void {
  describe(title, () => {
    test.each([
      ['half a character', 'ann\ud83d'],
      ['NUL', 'ann\0'],
    ])('a name with %s is refused; a tool of such a name keeps no other use from being written', async (_, text) => {
      const database = await make();
      try {
        const store = new SecretStore(await database.open());
        const owner = { issuer: 'i', subject: 'ann' };
        for (const place of [
          { owner: { issuer: 'i', subject: text }, server: 's', name: 'n' },
          { owner: { issuer: text, subject: 'a' }, server: 's', name: 'n' },
          { owner, server: text, name: 'n' },
          { owner, server: 's', name: text },
        ]) {
          await expect(store.put([{ place, seal: sealed, lastFour: undefined }], 1)).rejects.toThrow(TypeError);
        }
        expect(await store.list()).toEqual([]);
        expect(await store.revision()).toBe(0);

        const use = { owner, server: 's', lastUsedAt: 1, calls: 1 };
        await store.addUses([
          { ...use, tool: text },
          { ...use, tool: 'good' },
        ]);
        expect((await store.recentUses(owner, 9)).map(({ tool }) => tool)).toEqual(['good']);
      } finally {
        await database.remove();
      }
    });
  });
}
