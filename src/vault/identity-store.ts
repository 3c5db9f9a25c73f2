import type { UserId } from '../auth/user.ts';
import type { Database } from '../db/open-database.ts';
import { erasureHasher } from './erasures.ts';
import {
  allLinks,
  type IdentityLink,
  isSameUser,
  type JoinOutcome,
  join,
  type LinkReason,
  linkOf,
  linksOfPerson,
  putLink,
} from './identity-rows.ts';
import type { MoveSecret } from './move-owner.ts';
import { changeSecrets } from './secret-changes.ts';
import { ownerColumns } from './secret-rows.ts';

/** An address that was not seen for this long is no evidence: it may be somebody else's by now. */
const EVIDENCE_MS = 30 * 24 * 3_600_000;

/** A person and their identities; only themselves where nothing is linked. */
export interface Person {
  readonly id: UserId;
  readonly identities: readonly UserId[];
}

export type LinkOutcome = { readonly kind: 'unchanged' } | JoinOutcome;

/** What the store offers, whatever it stores in. */
export type IdentityRegister = Pick<IdentityStore, keyof IdentityStore>;

/**
 * Which identities are one person, for all replicas. The first link of an identity stays; links are made one after the
 * other, and the database allows each person one identity of each issuer. Every method rejects with the database's error.
 */
export class IdentityStore {
  readonly #database: Database;
  readonly #now: () => number;

  constructor(database: Database, now: () => number = Date.now) {
    this.#database = database;
    this.#now = now;
  }

  async personOf(identity: UserId): Promise<Person> {
    const link = await linkOf(this.#database, identity);
    if (link === undefined) return { id: identity, identities: [identity] };
    const links = await linksOfPerson(this.#database, link.person);
    return { id: link.person, identities: links.map((one) => one.identity) };
  }

  list(): Promise<readonly IdentityLink[]> {
    return allLinks(this.#database);
  }

  /** Links an identity to the one identity of another issuer that was seen with the same verified address lately. */
  async linkByEmail(identity: UserId, email: string, moveSecret: MoveSecret): Promise<LinkOutcome> {
    const hashOf = await erasureHasher(this.#database);
    const hash = hashOf({ issuer: 'mailto', subject: email });
    return this.#change(async (transaction) => {
      if ((await linkOf(transaction, identity)) !== undefined) return { kind: 'unchanged' };
      await this.#noteAddress(transaction, identity, hash);
      const others = (await this.#holdersOf(transaction, hash)).filter((one) => !isSameUser(one, identity));
      const persons: UserId[] = [];
      for (const other of others) {
        const link = await linkOf(transaction, other);
        if (link?.by === 'unlinked') continue;
        const person = link?.person ?? other;
        if (!persons.some((one) => isSameUser(one, person))) persons.push(person);
      }
      const [person, rival] = persons;
      if (person === undefined) return { kind: 'unchanged' };
      // Two users of one issuer with one address, or two people: nobody can say which of them it is.
      if (rival !== undefined) return { kind: 'conflict', with: rival };
      return this.#join(transaction, identity, person, 'email-verified', moveSecret);
    });
  }

  /** Links a user of Open WebUI to the identity that Open WebUI itself names for them. */
  linkBySubject(user: UserId, identity: UserId, moveSecret: MoveSecret): Promise<LinkOutcome> {
    return this.#change(async (transaction) => {
      const [ofUser, ofIdentity] = [await linkOf(transaction, user), await linkOf(transaction, identity)];
      if (ofUser?.by === 'unlinked' || ofIdentity?.by === 'unlinked') return { kind: 'unchanged' };
      if (ofUser !== undefined && ofIdentity !== undefined) {
        const isOne = isSameUser(ofUser.person, ofIdentity.person);
        return isOne ? { kind: 'unchanged' } : { kind: 'conflict', with: ofIdentity.person };
      }
      if (ofIdentity !== undefined) {
        return this.#join(transaction, user, ofIdentity.person, 'oidc-sub', moveSecret);
      }
      return this.#join(transaction, identity, ofUser?.person ?? user, 'oidc-sub', moveSecret);
    });
  }

  /** As an admin says. A link that an admin undid before can be made again. */
  link(identity: UserId, person: UserId, moveSecret: MoveSecret): Promise<LinkOutcome> {
    return this.#change(async (transaction) => {
      const link = await linkOf(transaction, identity);
      const target = (await linkOf(transaction, person))?.person ?? person;
      if (isSameUser(link?.person ?? identity, target)) return { kind: 'unchanged' };
      if (link !== undefined && link.by !== 'unlinked') return { kind: 'conflict', with: link.person };
      return this.#join(transaction, identity, target, 'admin', moveSecret);
    });
  }

  /**
   * Makes an identity a person of its own again, whom nothing but an admin links; the values stay with the person that it
   * belonged to, who is returned. `undefined` if it is not linked to another one.
   */
  async unlink(identity: UserId): Promise<UserId | undefined> {
    let former: UserId | undefined;
    await changeSecrets(this.#database, this.#now(), async (transaction) => {
      former = (await linkOf(transaction, identity))?.person;
      if (former === undefined || isSameUser(former, identity)) {
        former = undefined;
        return [];
      }
      await putLink(transaction, { identity, person: identity, by: 'unlinked', linkedAt: this.#now() });
      // Log-ins by the identity were the person's.
      const logIns = transaction.deleteFrom('page_sessions');
      await logIns.where((where) => where.and(ownerColumns(former as UserId))).execute();
      return [former, identity].map((one) => ({ ...ownerColumns(one), server: null }));
    });
    return former;
  }

  async #change(decide: (transaction: Database) => Promise<LinkOutcome>): Promise<LinkOutcome> {
    let outcome: LinkOutcome = { kind: 'unchanged' };
    await changeSecrets(this.#database, this.#now(), async (transaction) => {
      outcome = await decide(transaction);
      if (outcome.kind !== 'linked') return [];
      return [outcome.person, outcome.from].map((one) => ({ ...ownerColumns(one), server: null }));
    });
    return outcome;
  }

  #join(transaction: Database, identity: UserId, person: UserId, by: LinkReason, moveSecret: MoveSecret) {
    return join(transaction, { identity, person, by, linkedAt: this.#now() }, moveSecret);
  }

  async #noteAddress(transaction: Database, identity: UserId, hash: string): Promise<void> {
    const facts = { email_hash: hash, noted_at: this.#now() };
    await transaction
      .insertInto('verified_emails')
      .values({ ...ownerColumns(identity), ...facts })
      .onConflict((conflict) => conflict.columns(['issuer', 'subject']).doUpdateSet(facts))
      .execute();
  }

  async #holdersOf(transaction: Database, hash: string): Promise<readonly UserId[]> {
    const rows = transaction.selectFrom('verified_emails').select(['issuer', 'subject']).where('email_hash', '=', hash);
    return rows
      .where('noted_at', '>', this.#now() - EVIDENCE_MS)
      .orderBy('issuer')
      .orderBy('subject')
      .execute();
  }
}
