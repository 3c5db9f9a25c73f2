import { createHash } from 'node:crypto';
import type { UserId } from '../auth/user.ts';
import { BoundedMap } from '../bounded-map.ts';
import { type Catalogue, type CatalogueSource, type ToolRuleSource, toCatalogue } from './catalogue.ts';

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
  readonly id: string;
  readonly source: CatalogueSource;
  readonly owner: UserId;
  readonly since: number;
}

/** Lists of users' sessions that are not what all see; the newest few. */
export class CatalogueDifferences {
  readonly #noted = new BoundedMap<string, Noted>(MAX_DIFFERENCES);
  /** Each difference is logged once, and at most so many, since users decide how many there are. */
  readonly #logged = new Set<string>();

  /** Notes a list without secrets; returns the difference if it is to be logged. */
  note(
    source: CatalogueSource,
    { issuer, subject }: UserId,
    served: Catalogue | undefined,
    rules: ToolRuleSource,
  ): CatalogueDifference | undefined {
    const id = createHash('sha256').update(JSON.stringify(source)).digest('base64url');
    const noted = this.#noted.get(id) ?? { id, source, owner: { issuer, subject }, since: Date.now() };
    const difference = toDifference(noted, served, rules);
    if (difference === undefined) return undefined;
    this.#noted.set(id, noted);
    if (this.#logged.has(id) || this.#logged.size >= MAX_LOGGED) return undefined;
    this.#logged.add(id);
    return difference;
  }

  source(id: string): CatalogueSource | undefined {
    return this.#noted.get(id)?.source;
  }

  /** The newest last. */
  list(served: Catalogue | undefined, rules: ToolRuleSource): readonly CatalogueDifference[] {
    return [...this.#noted.values()].flatMap((noted) => toDifference(noted, served, rules) ?? []);
  }

  /** Forgets what the sessions of this owner listed. */
  forget({ issuer, subject }: UserId): void {
    for (const [id, { owner }] of this.#noted) {
      if (owner.issuer === issuer && owner.subject === subject) this.#noted.delete(id);
    }
  }
}

/** `undefined` where the list would be served as the one that all see is. */
function toDifference(
  { id, source, owner, since }: Noted,
  served: Catalogue | undefined,
  rules: ToolRuleSource,
): CatalogueDifference | undefined {
  const catalogue = toCatalogue(source, rules);
  if (catalogue.revision === served?.revision) return undefined;
  const text = ({ serverInfo, instructions }: Catalogue) => JSON.stringify([serverInfo, instructions]);
  return {
    id,
    owner,
    since,
    changes: toToolChanges(served, catalogue),
    isServerTextChanged: served !== undefined && text(served) !== text(catalogue),
  };
}

/** Compares two lists of tools by name and by everything that their server says of them. */
export function toToolChanges(before: Catalogue | undefined, after: Catalogue): ToolChanges {
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

function textsByName(catalogue: Catalogue | undefined): ReadonlyMap<string, string> {
  const tools = [...(catalogue?.tools.values() ?? [])];
  return new Map(tools.map(({ definition }) => [definition.name, JSON.stringify(sorted(definition))]));
}

/** The order of keys means nothing: a database or another version of a server may give another one. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return entries.map(([key, child]) => [key, sorted(child)]);
}
