import { createHash } from 'node:crypto';
import { SessionOpenError } from '../errors.ts';
import { type Catalogue, type CatalogueSource, toCatalogue } from './catalogue.ts';
import type { ToolRuleSource } from './unmatched-rules.ts';

/** A user's own server says how long its list is, and every session holds its list. */
const MAX_LIST_CHARACTERS = 8 * 1024 * 1024;

interface Shared {
  readonly source: CatalogueSource;
  /** Made when it is first asked for. */
  catalogue: Catalogue | undefined;
  holders: number;
}

/** One session's own list of tools, by which its calls are judged. */
export class SessionCatalogue {
  readonly #catalogues: SessionCatalogues;
  #digest: string | undefined;
  #isReleased = false;

  constructor(catalogues: SessionCatalogues) {
    this.#catalogues = catalogues;
  }

  get hasList(): boolean {
    return this.#digest !== undefined;
  }

  /** `undefined` before the first list and after the release. */
  get current(): Catalogue | undefined {
    return this.#digest === undefined ? undefined : this.#catalogues.get(this.#digest);
  }

  /** Sets the session's list; returns whether it is another one. Throws `SessionOpenError` for one that is too long. */
  set(source: CatalogueSource): boolean {
    const digest = digestOf(source);
    if (digest === this.#digest || this.#isReleased) return false;
    this.#catalogues.hold(digest, source);
    this.#letGo();
    this.#digest = digest;
    return true;
  }

  /** The session is over. */
  release(): void {
    this.#isReleased = true;
    this.#letGo();
  }

  #letGo(): void {
    if (this.#digest !== undefined) this.#catalogues.release(this.#digest);
    this.#digest = undefined;
  }
}

/** The catalogues of users' sessions. Sessions that list the same share one, so that each schema is compiled once. */
export class SessionCatalogues {
  #config: ToolRuleSource;
  readonly #shared = new Map<string, Shared>();

  constructor(config: ToolRuleSource) {
    this.#config = config;
  }

  /** How many different lists there are. */
  get size(): number {
    return this.#shared.size;
  }

  /** Takes over which tools are enabled, at once. */
  reconfigure(config: ToolRuleSource): void {
    this.#config = config;
    for (const shared of this.#shared.values()) shared.catalogue = undefined;
  }

  get(digest: string): Catalogue | undefined {
    const shared = this.#shared.get(digest);
    if (shared === undefined) return undefined;
    shared.catalogue ??= toCatalogue(shared.source, this.#config);
    return shared.catalogue;
  }

  /** Each is followed by one `release`. */
  hold(digest: string, source: CatalogueSource): void {
    const shared = this.#shared.get(digest) ?? { source, catalogue: undefined, holders: 0 };
    shared.holders += 1;
    this.#shared.set(digest, shared);
  }

  release(digest: string): void {
    const shared = this.#shared.get(digest);
    if (shared === undefined) return;
    shared.holders -= 1;
    if (shared.holders === 0) this.#shared.delete(digest);
  }
}

function digestOf({ serverInfo, instructions, list }: CatalogueSource): string {
  const text = JSON.stringify([serverInfo, instructions, list]);
  if (text.length > MAX_LIST_CHARACTERS) {
    throw new SessionOpenError(`its list of tools is longer than ${MAX_LIST_CHARACTERS / 1024 / 1024} MiB`);
  }
  return createHash('sha256').update(text).digest('base64url');
}
