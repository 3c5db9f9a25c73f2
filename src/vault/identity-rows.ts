import { OPEN_WEBUI_ISSUER, type UserId } from '../auth/user.ts';
import type { Database } from '../db/open-database.ts';
import { type MoveSecret, moveOwner } from './move-owner.ts';
import { ownerColumns } from './secret-rows.ts';

/** Why two identities are one person. `unlinked`: an admin said that they are not, so that nothing links them again. */
export type LinkReason = 'email-verified' | 'oidc-sub' | 'admin' | 'unlinked';

/** An identity and the person that it belongs to. */
export interface IdentityLink {
  readonly identity: UserId;
  /** The identity whose values and rights are the person's. */
  readonly person: UserId;
  readonly by: LinkReason;
  /** Milliseconds since the epoch. */
  readonly linkedAt: number;
}

/** What became of two identities that may be one person. */
export type JoinOutcome =
  | { readonly kind: 'linked'; readonly person: UserId; readonly from: UserId; readonly movedSecrets: number }
  /** The person has another identity of that issuer, which stays. */
  | { readonly kind: 'conflict'; readonly with: UserId };

export function isSameUser(one: UserId, other: UserId): boolean {
  return one.issuer === other.issuer && one.subject === other.subject;
}

/** The link of an identity; `undefined` if it is alone. */
export async function linkOf(database: Database, identity: UserId): Promise<IdentityLink | undefined> {
  const rows = database.selectFrom('identity_links').selectAll();
  const row = await rows.where((where) => where.and(ownerColumns(identity))).executeTakeFirst();
  return row && toLink(row);
}

/** All identities of a person, themselves among them if any is linked to them. */
export async function linksOfPerson(database: Database, person: UserId): Promise<readonly IdentityLink[]> {
  const { issuer, subject } = ownerColumns(person);
  const rows = database.selectFrom('identity_links').selectAll().orderBy('issuer').orderBy('subject');
  const found = rows.where('person_issuer', '=', issuer).where('person_subject', '=', subject);
  return (await found.execute()).map(toLink);
}

export async function allLinks(database: Database): Promise<readonly IdentityLink[]> {
  const rows = database.selectFrom('identity_links').selectAll();
  const sorted = rows.orderBy('person_issuer').orderBy('person_subject').orderBy('issuer').orderBy('subject');
  return (await sorted.execute()).map(toLink);
}

export async function putLink(transaction: Database, { identity, person, by, linkedAt }: IdentityLink): Promise<void> {
  const whose = ownerColumns(person);
  const facts = { person_issuer: whose.issuer, person_subject: whose.subject, linked_by: by, linked_at: linkedAt };
  await transaction
    .insertInto('identity_links')
    .values({ ...ownerColumns(identity), ...facts })
    .onConflict((conflict) => conflict.columns(['issuer', 'subject']).doUpdateSet(facts))
    .execute();
}

/**
 * Joins an identity that is alone to a person. The person's id is that in Open WebUI where there is one, else the one they
 * had: the values of the other id follow. To be called in a transaction that holds the row of the revision.
 */
export async function join(
  transaction: Database,
  { identity, person, by, linkedAt }: IdentityLink,
  moveSecret: MoveSecret,
): Promise<JoinOutcome> {
  const links = await linksOfPerson(transaction, person);
  const rival = [person, ...links.map((link) => link.identity)].find(({ issuer }) => issuer === identity.issuer);
  if (rival !== undefined) return { kind: 'conflict', with: rival };
  const isRoot = identity.issuer === OPEN_WEBUI_ISSUER;
  const [root, from] = isRoot ? [identity, person] : [person, identity];
  if (isRoot) for (const link of links) await putLink(transaction, { ...link, person: root });
  if (!links.some((link) => isSameUser(link.identity, person))) {
    await putLink(transaction, { identity: person, person: root, by, linkedAt });
  }
  await putLink(transaction, { identity, person: root, by, linkedAt });
  const movedSecrets = await moveOwner(transaction, from, root, moveSecret);
  return { kind: 'linked', person: root, from, movedSecrets };
}

function toLink(row: {
  readonly issuer: string;
  readonly subject: string;
  readonly person_issuer: string;
  readonly person_subject: string;
  readonly linked_by: string;
  readonly linked_at: number;
}): IdentityLink {
  return {
    identity: { issuer: row.issuer, subject: row.subject },
    person: { issuer: row.person_issuer, subject: row.person_subject },
    by: row.linked_by as LinkReason,
    linkedAt: row.linked_at,
  };
}
