import { createHash } from 'node:crypto';
import { SessionOpenError } from '../errors.ts';
import { type Catalogue, type CatalogueSource, type ToolRuleSource, toCatalogue } from './catalogue.ts';

/** A user's own server decides how long its list is, and every session holds its list. */
const MAX_LIST_CHARACTERS = 8 * 1024 * 1024;

/** The list of tools of a user's session. Sessions that list the same share one, so that each schema is compiled once. */
export class SessionCatalogue {
  readonly digest: string;
  readonly #source: CatalogueSource;
  #rules: ToolRuleSource;
  #catalogue: Catalogue | undefined;

  private constructor(digest: string, source: CatalogueSource, rules: ToolRuleSource) {
    this.digest = digest;
    this.#source = source;
    this.#rules = rules;
  }

  /** Returns the one of `others` that lists the same, or a new one. Throws `SessionOpenError` for a list that is too long. */
  static from(
    source: CatalogueSource,
    rules: ToolRuleSource,
    others: Iterable<SessionCatalogue | undefined>,
  ): SessionCatalogue {
    const text = JSON.stringify([source.serverInfo, source.instructions, source.list]);
    if (text.length > MAX_LIST_CHARACTERS) {
      throw new SessionOpenError(`its list of tools is longer than ${MAX_LIST_CHARACTERS / 1024 / 1024} MiB`);
    }
    const digest = createHash('sha256').update(text).digest('base64url');
    for (const other of others) if (other?.digest === digest) return other;
    return new SessionCatalogue(digest, source, rules);
  }

  /** Made when it is first needed. */
  get current(): Catalogue {
    this.#catalogue ??= toCatalogue(this.#source, this.#rules);
    return this.#catalogue;
  }

  /** Takes over which tools are enabled, at once. */
  reconfigure(rules: ToolRuleSource): void {
    if (this.#rules === rules) return;
    this.#rules = rules;
    this.#catalogue = undefined;
  }
}
