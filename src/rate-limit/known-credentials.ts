import { createHash, randomBytes } from 'node:crypto';

/** A credential that was right this long ago is taken for one that its owner still uses. */
const MAX_AGE_MS = 24 * 3_600_000;
const MAX_CREDENTIALS = 10_000;

/** Digest of a credential, different in every process. */
export type CredentialDigest = string;

/**
 * Remembers which credentials were right lately, so that whoever holds one is not slowed down by guesses of others at
 * the same address. Kept are salted digests only, of so many at most; the one not seen for longest goes first.
 */
export class KnownCredentials {
  readonly #salt = randomBytes(16);
  /** When each was right for the last time; the least recent first. */
  readonly #rightAt = new Map<CredentialDigest, number>();
  readonly #now: () => number;
  readonly #maxCredentials: number;

  constructor({ now = Date.now, maxCredentials = MAX_CREDENTIALS } = {}) {
    this.#now = now;
    this.#maxCredentials = maxCredentials;
  }

  get size(): number {
    return this.#rightAt.size;
  }

  digest(credential: string): CredentialDigest {
    return createHash('sha256').update(this.#salt).update(credential).digest('base64');
  }

  has(digest: CredentialDigest): boolean {
    const rightAt = this.#rightAt.get(digest);
    return rightAt !== undefined && this.#now() - rightAt < MAX_AGE_MS;
  }

  add(digest: CredentialDigest): void {
    this.#rightAt.delete(digest);
    if (this.#rightAt.size >= this.#maxCredentials) {
      const [oldest] = this.#rightAt.keys();
      if (oldest !== undefined) this.#rightAt.delete(oldest);
    }
    this.#rightAt.set(digest, this.#now());
  }

  delete(digest: CredentialDigest): void {
    this.#rightAt.delete(digest);
  }
}
