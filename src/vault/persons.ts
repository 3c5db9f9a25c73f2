import type { IdentitySettings } from '../auth/auth-settings.ts';
import { isOpenWebUiUser, type Persons, verifiedEmailOf } from '../auth/identity-evidence.ts';
import type { OpenWebUiSubjects } from '../auth/open-webui-subjects.ts';
import type { UserPrincipal } from '../auth/principal.ts';
import { toUserKey, type UserId } from '../auth/user.ts';
import { BoundedMap } from '../bounded-map.ts';
import { messageOf, ServerUnavailableError, VaultUnavailableError } from '../errors.ts';
import type { Logger } from '../telemetry/logger.ts';
import { open, seal } from './cipher.ts';
import type { IdentityStore, LinkOutcome, Person } from './identity-store.ts';
import type { Keyring } from './keyring.ts';
import type { MoveSecret } from './move-owner.ts';

const MAX_KNOWN = 10_000;
/** Changes of other replicas are reported; what is missed is noticed after this long. */
const KNOWN_MS = 60_000;

/** Two identities that were found to be one person, or could not be made one. */
export interface IdentityLinkReport {
  readonly action: 'link' | 'conflict';
  /** Whose values and rights count from now on; in a conflict who has the link already. */
  readonly person: UserId;
  readonly identity: UserId;
  readonly details: { readonly linked_by: IdentitySettings['linkBy']; readonly moved_secrets?: number };
}

export interface LinkedPersonsOptions {
  readonly store: Pick<IdentityStore, 'personOf' | 'linkByEmail' | 'linkBySubject'>;
  /** The ring to read and write secrets with. Rejects with `VaultUnavailableError`. */
  readonly keyring: () => Promise<Keyring>;
  /** Reports changes that were made, before it resolves. */
  readonly catchUp: () => Promise<void>;
  /** `undefined`: Open WebUI cannot be asked for the subjects of its users. */
  readonly subjects: (settings: IdentitySettings) => Pick<OpenWebUiSubjects, 'subjectOf'> | undefined;
  readonly report: (link: IdentityLinkReport) => void;
  readonly logger: Logger;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
}

interface Known {
  readonly person: Person;
  readonly evidence: string | undefined;
  readonly until: number;
}

/** Finds out which person a caller is, and links identities when there is evidence that they are one. */
export class LinkedPersons implements Persons {
  readonly #options: LinkedPersonsOptions;
  readonly #now: () => number;
  readonly #known = new BoundedMap<string, Known>(MAX_KNOWN);
  readonly #asking = new Map<string, Promise<Person>>();
  /** Conflicts that were reported: each is there at every call. */
  readonly #reported = new BoundedMap<string, true>(MAX_KNOWN);

  constructor(options: LinkedPersonsOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
  }

  /** While the database is away, callers who are not known are who they say, with nothing of their other identities. */
  async personOf(principal: UserPrincipal, settings: IdentitySettings): Promise<UserPrincipal> {
    const key = toUserKey(principal);
    const evidence = settings.linkBy === 'email-verified' ? verifiedEmailOf(principal) : undefined;
    const known = this.#known.use(key);
    const isFresh = known !== undefined && known.evidence === evidence && this.#now() < known.until;
    if (isFresh) return asPerson(principal, known.person);
    try {
      return asPerson(principal, await this.#askOnce(key, principal, evidence, settings));
    } catch (error) {
      if (!(error instanceof VaultUnavailableError)) throw error;
      return known === undefined ? principal : asPerson(principal, known.person);
    }
  }

  /** Forgets what is known of a user, after a change. */
  forget(user: UserId): void {
    const key = toUserKey(user);
    for (const [one, { person }] of this.#known) {
      if (one === key || toUserKey(person.id) === key) this.#known.delete(one);
    }
  }

  #askOnce(
    key: string,
    principal: UserPrincipal,
    evidence: string | undefined,
    settings: IdentitySettings,
  ): Promise<Person> {
    const name = `${key} ${evidence ?? ''}`;
    const asking = this.#asking.get(name) ?? this.#ask(principal, evidence, settings);
    this.#asking.set(name, asking);
    return asking
      .then((person) => {
        this.#known.set(key, { person, evidence, until: this.#now() + KNOWN_MS });
        return person;
      })
      .finally(() => this.#asking.delete(name));
  }

  async #ask(principal: UserPrincipal, email: string | undefined, settings: IdentitySettings): Promise<Person> {
    const { store } = this.#options;
    const { issuer, subject } = principal;
    const identity = { issuer, subject };
    if (settings.linkBy === 'email-verified' && email !== undefined) {
      const moveSecret = await this.#moveSecret();
      await this.#note(identity, await store.linkByEmail(identity, email, moveSecret), settings);
    }
    if (settings.linkBy === 'oidc-sub' && settings.issuer !== undefined && isOpenWebUiUser(principal)) {
      const oidcSubject = await this.#subjectOf(subject, settings);
      if (oidcSubject !== undefined) {
        const other = { issuer: settings.issuer, subject: oidcSubject };
        await this.#note(other, await store.linkBySubject(identity, other, await this.#moveSecret()), settings);
      }
    }
    return store.personOf(identity);
  }

  async #subjectOf(userId: string, settings: IdentitySettings): Promise<string | undefined> {
    try {
      return await this.#options.subjects(settings)?.subjectOf(userId);
    } catch (error) {
      if (!(error instanceof ServerUnavailableError)) throw error;
      this.#options.logger.warn('Open WebUI could not be asked for the OIDC subject of a user, who is not linked now', {
        reason: messageOf(error),
      });
      return undefined;
    }
  }

  async #note(identity: UserId, outcome: LinkOutcome, { linkBy }: IdentitySettings): Promise<void> {
    if (outcome.kind === 'unchanged') return;
    if (outcome.kind === 'linked') {
      const { person, from, movedSecrets } = outcome;
      const details = { linked_by: linkBy, moved_secrets: movedSecrets };
      this.#options.report({ action: 'link', person, identity: from, details });
      this.forget(person);
      this.forget(from);
      // What is in memory of the former id is gone before the call goes on.
      await this.#options.catchUp();
      return;
    }
    const name = `${toUserKey(identity)} ${toUserKey(outcome.with)}`;
    if (this.#reported.has(name)) return;
    this.#reported.set(name, true);
    this.#options.report({ action: 'conflict', person: outcome.with, identity, details: { linked_by: linkBy } });
  }

  async #moveSecret(): Promise<MoveSecret> {
    return createMoveSecret(await this.#options.keyring());
  }
}

/** Decrypts a secret and encrypts it for its new place, since the cipher text is bound to the owner. */
export function createMoveSecret(keyring: Keyring): MoveSecret {
  return (row, place, version) => {
    let value: string;
    try {
      value = open(keyring, row);
    } catch {
      return undefined;
    }
    return seal(keyring, place, version, value);
  };
}

function asPerson(principal: UserPrincipal, { id, identities }: Person): UserPrincipal {
  if (identities.length === 1) return principal;
  return { ...principal, issuer: id.issuer, subject: id.subject, identities };
}
