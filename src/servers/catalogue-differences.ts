import type { UserId } from '../auth/user.ts';
import type { ToolDefinition } from '../mcp/session.ts';
import type { ToolRuleSource } from './catalogue.ts';
import { type Catalogue, type CatalogueSource, toCatalogue } from './catalogue.ts';

const MAX_NAMES = 20;
const MAX_DIFFERENCES = 8;
const MAX_LOGGED = 100;

/** Which tools are not what they were, by name; at most twenty of each, and none of the kinds that are empty. */
export interface ToolChanges {
  readonly added?: readonly string[];
  readonly removed?: readonly string[];
  readonly changed?: readonly string[];
}

/** How the list of a user's session differs from the one that all see; holds names only, and no secrets. */
export interface CatalogueDifference {
  /** Equal for equal lists. */
  readonly id: string;
  /** Whose session listed it first. */
  readonly owner: UserId;
  /** Milliseconds since the epoch. */
  readonly since: number;
  readonly changes: ToolChanges;
  /** The name, version or instructions of the server differ. */
  readonly isServerTextChanged: boolean;
}

interface Noted {
  readonly source: CatalogueSource;
  readonly catalogue: Catalogue;
  readonly owner: UserId;
  readonly since: number;
}

/** Lists of users' sessions that are not what all see; the newest few. */
export class CatalogueDifferences {
  readonly #noted = new Map<string, Noted>();
  /** Each difference is logged once, and at most so many, since users decide how many there are. */
  readonly #logged = new Set<string>();

  /** Notes a list without secrets; returns the difference if it is to be logged. */
  note(
    source: CatalogueSource,
    owner: UserId,
    served: Catalogue | undefined,
    config: ToolRuleSource,
  ): CatalogueDifference | undefined {
    const catalogue = toCatalogue(source, config);
    const { revision: id } = catalogue;
    if (id === served?.revision) return undefined;
    const noted = this.#noted.get(id) ?? { source, catalogue, owner, since: Date.now() };
    this.#noted.delete(id);
    this.#noted.set(id, noted);
    const [oldest] = this.#noted.keys();
    if (this.#noted.size > MAX_DIFFERENCES && oldest !== undefined) this.#noted.delete(oldest);
    if (this.#logged.has(id) || this.#logged.size >= MAX_LOGGED) return undefined;
    this.#logged.add(id);
    return toDifference(noted, served);
  }

  source(id: string): CatalogueSource | undefined {
    return this.#noted.get(id)?.source;
  }

  /** The newest last. */
  list(served: Catalogue | undefined): readonly CatalogueDifference[] {
    return [...this.#noted.values()]
      .filter(({ catalogue }) => catalogue.revision !== served?.revision)
      .map((noted) => toDifference(noted, served));
  }

  /** Forgets what the sessions of this owner listed. */
  forget({ issuer, subject }: UserId): void {
    for (const [id, { owner }] of this.#noted) {
      if (owner.issuer === issuer && owner.subject === subject) this.#noted.delete(id);
    }
  }

  /** Takes over which tools are enabled, at once. */
  reconfigure(config: ToolRuleSource): void {
    const noted = [...this.#noted.values()];
    this.#noted.clear();
    for (const { source, ...rest } of noted) {
      const catalogue = toCatalogue(source, config);
      this.#noted.set(catalogue.revision, { ...rest, source, catalogue });
    }
  }
}

function toDifference({ catalogue, owner, since }: Noted, served: Catalogue | undefined): CatalogueDifference {
  const definitions = (one: Catalogue | undefined) => [...(one?.tools.values() ?? [])].map((tool) => tool.definition);
  const text = (one: Catalogue | undefined) => JSON.stringify([one?.serverInfo, one?.instructions]);
  return {
    id: catalogue.revision,
    owner: { issuer: owner.issuer, subject: owner.subject },
    since,
    changes: toToolChanges(definitions(served), definitions(catalogue)),
    isServerTextChanged: served !== undefined && text(served) !== text(catalogue),
  };
}

/** Compares two lists of tools by name and by everything that their server says of them. */
export function toToolChanges(before: readonly ToolDefinition[], after: readonly ToolDefinition[]): ToolChanges {
  const old = textsByName(before);
  const now = textsByName(after);
  const names = (from: ReadonlyMap<string, string>, isOne: (name: string) => boolean) => {
    const found = [...from.keys()].filter(isOne).slice(0, MAX_NAMES);
    return found.length === 0 ? undefined : found;
  };
  const added = names(now, (name) => !old.has(name));
  const removed = names(old, (name) => !now.has(name));
  const changed = names(now, (name) => old.has(name) && old.get(name) !== now.get(name));
  return { ...(added && { added }), ...(removed && { removed }), ...(changed && { changed }) };
}

function textsByName(tools: readonly ToolDefinition[]): ReadonlyMap<string, string> {
  return new Map(tools.map((tool) => [tool.name, JSON.stringify(sorted(tool))]));
}

/** The order of keys means nothing: a database or another version of a server may give another one. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return entries.map(([key, child]) => [key, sorted(child)]);
}
