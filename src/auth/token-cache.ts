import { hash } from 'node:crypto';
import type { UserPrincipal } from './principal.ts';

/** One verified token. */
export interface VerifiedToken {
  readonly principal: UserPrincipal;
  /** Milliseconds since the epoch, as the next. */
  readonly verifiedAt: number;
  /** From then on the token is verified anew. */
  readonly endsAt: number;
  /** Whether the key that verified it is still among its issuer's keys. */
  readonly isKeyHeld: () => boolean;
}

/** Tokens that were verified a moment ago, the least recently used given up first. Holds digests, no token. */
export class TokenCache {
  readonly #entries = new Map<string, VerifiedToken>();
  readonly #maxEntries: number;

  constructor(maxEntries: number) {
    this.#maxEntries = maxEntries;
  }

  get(digest: string, now: number): UserPrincipal | undefined {
    const entry = this.#entries.get(digest);
    if (entry === undefined) return undefined;
    this.#entries.delete(digest);
    if (now < entry.verifiedAt || now >= entry.endsAt || !entry.isKeyHeld()) return undefined;
    this.#entries.set(digest, entry);
    return entry.principal;
  }

  set(digest: string, entry: VerifiedToken): void {
    if (this.#maxEntries === 0) return;
    this.#entries.delete(digest);
    if (this.#entries.size >= this.#maxEntries) {
      const oldest = this.#entries.keys().next();
      if (!oldest.done) this.#entries.delete(oldest.value);
    }
    this.#entries.set(digest, entry);
  }

  clear(): void {
    this.#entries.clear();
  }
}

/** The name that a token is kept under: SHA-256, base64. */
export function tokenDigest(token: string): string {
  return hash('sha256', token, 'base64');
}
