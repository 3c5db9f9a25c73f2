import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Database } from '../../../src/db/open-database.ts';
import { type NewPageSession, PageSessionStore, toHandle } from '../../../src/vault/page-session-store.ts';
import { SecretStore } from '../../../src/vault/secret-store.ts';

const NOW = 1_800_000_000_000;
const MINUTE = 60_000;
const ann = { issuer: 'open-webui', subject: 'ann' };
const bob = { issuer: 'https://id.example', subject: 'bob' };

interface UnderTest {
  readonly open: () => Promise<Database>;
  readonly remove: () => Promise<void>;
}

/** The log-ins of the pages in a database, as two replicas see them. */
export function describePageSessions(title: string, make: () => Promise<UnderTest>): void {
  describe(title, () => {
    let underTest: UnderTest;
    let now: number;
    let here: PageSessionStore;
    let there: PageSessionStore;
    let secrets: SecretStore;

    beforeEach(async () => {
      now = NOW;
      underTest = await make();
      here = new PageSessionStore(await underTest.open(), () => now);
      const other = await underTest.open();
      there = new PageSessionStore(other, () => now);
      secrets = new SecretStore(other);
    });
    afterEach(() => underTest.remove());

    const begin = (id: string, more: Partial<NewPageSession> = {}) =>
      here.begin({
        id,
        owner: ann,
        way: 'key',
        keyId: undefined,
        browser: 'Firefox on Linux',
        provider: undefined,
        expiresAt: now + 60 * MINUTE,
        ...more,
      });

    test('last until they end or expire, and once begun again until the later end', async () => {
      await begin('a', { expiresAt: NOW + 9 });
      await begin('b', { owner: undefined, expiresAt: NOW + 9 });
      await begin('b', { owner: undefined, expiresAt: NOW + 20 });
      now = NOW + 8;
      expect(await there.isCurrent('a')).toBe(true);
      expect(await there.isCurrent('nobody')).toBe(false);
      now = NOW + 9;
      expect(await there.isCurrent('a')).toBe(false);
      now = NOW + 19;
      expect(await there.isCurrent('b')).toBe(true);
      await there.end('b');
      expect(await here.isCurrent('b')).toBe(false);
    });

    test('are listed by owner, with how they were opened and never with what their cookie holds', async () => {
      await begin('of-ann');
      now += 1_000;
      await begin('of-bob', { owner: bob, way: 'provider', browser: undefined });
      await begin('of-admin', { owner: undefined, keyId: 'chief' });
      expect(await there.list(ann)).toStrictEqual([
        {
          handle: toHandle('of-ann'),
          owner: ann,
          way: 'key',
          keyId: undefined,
          browser: 'Firefox on Linux',
          createdAt: NOW,
          lastSeenAt: NOW,
          expiresAt: NOW + 60 * MINUTE,
        },
      ]);
      const all = await there.list();
      expect(all).toHaveLength(3);
      expect(all.at(-1)?.owner).toEqual(ann);
      expect(all.find(({ owner }) => owner === undefined)?.keyId).toBe('chief');
      expect(JSON.stringify(all)).not.toContain('of-');
      now = NOW + 61 * MINUTE;
      expect(await there.list()).toEqual([]);
    });

    test('are noted as in use, exact to five minutes', async () => {
      await begin('a');
      now = NOW + 4 * MINUTE;
      await there.isCurrent('a');
      expect((await here.list(ann))[0]?.lastSeenAt).toBe(NOW);
      now = NOW + 5 * MINUTE;
      await there.isCurrent('a');
      expect((await here.list(ann))[0]?.lastSeenAt).toBe(now);
    });

    test('end one by one for their owner only, and all at once', async () => {
      for (const id of ['a1', 'a2', 'a3']) await begin(id);
      await begin('b1', { owner: bob });
      expect(await there.endListed(toHandle('a1'), bob)).toBe(false);
      expect(await here.isCurrent('a1')).toBe(true);
      expect(await there.endListed(toHandle('a1'), ann)).toBe(true);
      expect(await there.endListed(toHandle('a1'), ann)).toBe(false);
      expect(await here.isCurrent('a1')).toBe(false);
      expect(await there.endAllOf(ann)).toBe(2);
      expect(await here.isCurrent('a2')).toBe(false);
      expect(await here.isCurrent('b1')).toBe(true);
      expect(await there.endListed(toHandle('b1'))).toBe(true);
    });

    test('end when their provider ends its session, or all of its user', async () => {
      const provider = { issuer: bob.issuer, subject: 'sub-of-bob', sid: 's1' };
      await begin('b1', { owner: bob, provider });
      await begin('b2', { owner: bob, provider: { ...provider, sid: 's2' } });
      await begin('b3', { owner: bob, provider: { ...provider, sid: undefined } });
      await begin('c1', { owner: ann, provider: { ...provider, issuer: 'https://other.example' } });
      await begin('a1');
      const { issuer, subject } = provider;
      let notices = 0;
      const notice = () => ({ id: `jti ${notices++}`, expiresAt: NOW + MINUTE });
      expect(await there.endOfProvider({ issuer, sid: 's1', subject: 'another' }, notice())).toEqual([]);
      expect(await there.endOfProvider({ issuer, sid: 's1', subject: undefined }, notice())).toEqual([bob]);
      expect(await here.isCurrent('b1')).toBe(false);
      expect(await here.isCurrent('b2')).toBe(true);
      expect(await there.endOfProvider({ issuer, sid: undefined, subject }, notice())).toEqual([bob, bob]);
      for (const id of ['b2', 'b3']) expect(await here.isCurrent(id)).toBe(false);
      for (const id of ['c1', 'a1']) expect(await here.isCurrent(id)).toBe(true);
    });

    test('of an erased user are gone', async () => {
      await begin('a');
      await begin('b', { owner: bob });
      await secrets.erase(ann, now);
      expect(await here.isCurrent('a')).toBe(false);
      expect(await here.isCurrent('b')).toBe(true);
    });

    test("a provider's notice counts once, on whichever replica, until it has expired", async () => {
      const { issuer, subject } = bob;
      const logOut = { issuer, sid: undefined, subject };
      const bobLogsIn = (id: string) =>
        begin(id, { owner: bob, provider: { issuer, subject, sid: undefined }, expiresAt: NOW + 60 * MINUTE });
      const notice = { id: 'jti', expiresAt: NOW + MINUTE };
      await bobLogsIn('b1');
      expect(await here.endOfProvider(logOut, notice)).toEqual([bob]);
      await bobLogsIn('b2');
      expect(await here.endOfProvider(logOut, notice)).toBeUndefined();
      expect(await there.endOfProvider(logOut, notice)).toBeUndefined();
      expect(await there.isCurrent('b2')).toBe(true);
      now = NOW + 20 * MINUTE;
      expect(await here.endOfProvider(logOut, { id: 'tidies', expiresAt: now + MINUTE })).toEqual([bob]);
      expect(await there.endOfProvider(logOut, { ...notice, expiresAt: now + MINUTE })).toEqual([]);
    });
  });
}
