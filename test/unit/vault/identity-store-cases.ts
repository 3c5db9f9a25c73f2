import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { UserId } from '../../../src/auth/user.ts';
import type { Database } from '../../../src/db/open-database.ts';
import { IdentityStore } from '../../../src/vault/identity-store.ts';
import { createMoveSecret } from '../../../src/vault/persons.ts';
import { SecretStore } from '../../../src/vault/secret-store.ts';
import type { TestDatabase } from '../db/test-database.ts';
import { openVaultOver, ringOf } from './open-test-vault.ts';

const IDP = 'https://id.example.org';
const OTHER = 'https://other.example.org';
const user = (subject: string): UserId => ({ issuer: 'open-webui', subject });
const at = (issuer: string, subject: string): UserId => ({ issuer, subject });
const MAIL = 'alice@example.org';
const DAY_MS = 24 * 3_600_000;

/** Identities that are one person, in a database. */
export function describeIdentityStore(title: string, make: () => Promise<TestDatabase>): void {
  describe(title, () => {
    let underTest: TestDatabase;
    let database: Database;
    let secrets: SecretStore;
    let time: number;
    const moveSecret = createMoveSecret(ringOf(1));

    beforeEach(async () => {
      underTest = await make();
      database = await underTest.open();
      secrets = new SecretStore(database);
      time = 1_800_000_000_000;
    });
    afterEach(() => underTest.remove());
    const storeOf = () => new IdentityStore(database, () => time);
    const see = (identity: UserId, email = MAIL) => storeOf().linkByEmail(identity, email, moveSecret);
    const personOf = async (identity: UserId) => (await storeOf().personOf(identity)).id;

    /** As a service that starts now; `now` is when the values are set. */
    async function set(owner: UserId, values: Readonly<Record<string, string>>, now = time): Promise<void> {
      const { vault } = await openVaultOver(secrets, { now: () => now });
      await vault.set(owner, 'jira', new Map(Object.entries(values)));
      await vault.close();
    }
    async function valuesOf(owner: UserId): Promise<Record<string, string>> {
      const { vault } = await openVaultOver(secrets);
      const values = Object.fromEntries(await vault.values(owner, 'jira'));
      await vault.close();
      return values;
    }

    describe('by verified address', () => {
      test("two identities become one person: Open WebUI's, whichever was first", async () => {
        expect(await see(at(IDP, 's-1'))).toEqual({ kind: 'unchanged' });
        expect(await personOf(at(IDP, 's-1'))).toEqual(at(IDP, 's-1'));
        expect(await see(user('u-1'))).toMatchObject({ kind: 'linked', person: user('u-1'), from: at(IDP, 's-1') });
        expect(await see(at(OTHER, 'o-1'))).toMatchObject({ kind: 'linked', person: user('u-1') });
        expect((await storeOf().personOf(at(IDP, 's-1'))).identities).toEqual([
          at(IDP, 's-1'),
          at(OTHER, 'o-1'),
          user('u-1'),
        ]);
        expect(await see(at(IDP, 's-1'))).toEqual({ kind: 'unchanged' });
      });

      test('the values follow, of both the newer, and what they were set under has none', async () => {
        await set(at(IDP, 's-1'), { A: 'old A', B: 'new B', C: 'C' }, time - 1_000);
        await set(user('u-1'), { A: 'new A' }, time);
        await set(user('u-1'), { B: 'old B' }, time - 2_000);
        await see(user('u-1'));
        expect(await see(at(IDP, 's-1'))).toMatchObject({ movedSecrets: 2 });
        expect(await valuesOf(user('u-1'))).toEqual({ A: 'new A', B: 'new B', C: 'C' });
        expect(await valuesOf(at(IDP, 's-1'))).toEqual({});
        // Replicas are told about both.
        const owners = (await secrets.changesAfter(0)).slice(-2).map(({ owner, server }) => [owner, server]);
        expect(owners).toEqual([
          [user('u-1'), undefined],
          [at(IDP, 's-1'), undefined],
        ]);
      });

      test('a value that no key decrypts stays where it is', async () => {
        await set(at(IDP, 's-1'), { A: 'value' });
        await see(user('u-1'));
        const outcome = await storeOf().linkByEmail(at(IDP, 's-1'), MAIL, createMoveSecret(ringOf(2)));
        expect(outcome).toMatchObject({ kind: 'linked', movedSecrets: 0 });
        expect(await secrets.list(at(IDP, 's-1'))).toHaveLength(1);
      });

      test('a second identity of one issuer is refused, and the first link stays', async () => {
        await see(user('u-1'));
        await see(at(IDP, 's-1'));
        expect(await see(at(IDP, 's-2'))).toEqual({ kind: 'conflict', with: at(IDP, 's-1') });
        expect(await see(user('u-2'))).toMatchObject({ kind: 'conflict' });
        expect(await personOf(at(IDP, 's-2'))).toEqual(at(IDP, 's-2'));
        expect(await personOf(user('u-2'))).toEqual(user('u-2'));
      });

      test('of two users of Open WebUI with one address, nobody is linked', async () => {
        await see(user('u-1'));
        expect(await see(user('u-2'))).toEqual({ kind: 'conflict', with: user('u-1') });
        expect(await see(at(IDP, 's-1'))).toMatchObject({ kind: 'conflict' });
        expect(await personOf(at(IDP, 's-1'))).toEqual(at(IDP, 's-1'));
      });

      test('an address that changes later moves nobody', async () => {
        await see(user('u-1'));
        await see(at(IDP, 's-1'));
        await see(user('u-2'), 'bob@example.org');
        expect(await see(at(IDP, 's-1'), 'bob@example.org')).toEqual({ kind: 'unchanged' });
        expect(await personOf(at(IDP, 's-1'))).toEqual(user('u-1'));
      });

      test('an address that was not seen for a month is no evidence: it may be given to somebody else', async () => {
        await set(at(IDP, 's-1'), { A: 'of who left' });
        await see(at(IDP, 's-1'));
        time += 31 * DAY_MS;
        expect(await see(user('u-new'))).toEqual({ kind: 'unchanged' });
        expect(await valuesOf(user('u-new'))).toEqual({});
      });

      test('many replicas at once make one link', async () => {
        await see(user('u-1'));
        const outcomes = await Promise.all(['s-1', 's-2', 's-1', 's-3', 's-2'].map((one) => see(at(IDP, one))));
        expect(outcomes.filter(({ kind }) => kind === 'linked')).toHaveLength(1);
        expect((await storeOf().list()).filter(({ identity }) => identity.issuer === IDP)).toHaveLength(1);
      });
    });

    describe('by the subject that Open WebUI names', () => {
      const link = (one: UserId, other: UserId) => storeOf().linkBySubject(one, other, moveSecret);

      test('links once, and refuses what contradicts it', async () => {
        await set(at(IDP, 's-1'), { A: 'value' });
        expect(await link(user('u-1'), at(IDP, 's-1'))).toMatchObject({ kind: 'linked', person: user('u-1') });
        expect(await valuesOf(user('u-1'))).toEqual({ A: 'value' });
        expect(await link(user('u-1'), at(IDP, 's-1'))).toEqual({ kind: 'unchanged' });
        expect(await link(user('u-1'), at(IDP, 's-2'))).toMatchObject({ kind: 'conflict' });
        expect(await link(user('u-2'), at(IDP, 's-1'))).toMatchObject({ kind: 'conflict' });
      });
    });

    describe('an admin', () => {
      test('undoes a link for good, and makes it again', async () => {
        await see(user('u-1'));
        await see(at(IDP, 's-1'));
        await set(user('u-1'), { A: 'value' });
        expect(await storeOf().unlink(at(IDP, 's-1'))).toEqual(user('u-1'));
        expect(await storeOf().unlink(at(IDP, 's-1'))).toBeUndefined();
        expect(await see(at(IDP, 's-1'))).toEqual({ kind: 'unchanged' });
        expect(await personOf(at(IDP, 's-1'))).toEqual(at(IDP, 's-1'));
        expect(await valuesOf(at(IDP, 's-1'))).toEqual({});
        expect(await storeOf().link(at(IDP, 's-1'), user('u-1'), moveSecret)).toMatchObject({ kind: 'linked' });
        expect(await personOf(at(IDP, 's-1'))).toEqual(user('u-1'));
      });

      test('erases a person under all their identities', async () => {
        await see(user('u-1'));
        await see(at(IDP, 's-1'));
        await set(user('u-1'), { A: 'value' });
        expect(await secrets.erase(at(IDP, 's-1'), time)).toBe(1);
        expect(await storeOf().list()).toEqual([]);
        expect(await valuesOf(user('u-1'))).toEqual({});
        for (const table of ['verified_emails', 'identity_links'] as const) {
          expect(await database.selectFrom(table).selectAll().execute()).toEqual([]);
        }
      });
    });
  });
}
