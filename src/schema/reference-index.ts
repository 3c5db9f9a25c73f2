import { parseUrl } from '../parse-url.ts';
import { escapeSegment, isJsonObject, isSchema, type JsonObject, valueAt } from './json-object.ts';
import { kindOf } from './schema-keywords.ts';

export const REFERENCE_KEYWORDS = ['$ref', '$dynamicRef', '$recursiveRef'] as const;
export type ReferenceKeyword = (typeof REFERENCE_KEYWORDS)[number];

/** Stands for the address of a schema that names none (RFC 3986, section 5.1.4). */
const NO_BASE = 'schema://local/';

/** Where a reference leads: to a schema in the same document, to nowhere in it (`missing`), or out of it. */
export type ReferenceTarget =
  | { readonly kind: 'local'; readonly schema: JsonObject | boolean; readonly pointer: string }
  | { readonly kind: 'missing' | 'external' };

interface Place {
  /** The address that references are relative to. */
  readonly base: string;
  readonly pointer: string;
}

/**
 * Finds what references of a document mean: JSON pointers, `$anchor`, `$id` with references relative to it (also
 * draft-04's `id` and draft-07's `$id: "#name"`), `$dynamicRef` and `$recursiveRef`. Nothing is fetched.
 * A dynamic reference leads to the anchor of the whole document where there is one: the evaluation starts there.
 */
export class ReferenceIndex {
  readonly #root: JsonObject;
  readonly #rootBase: string;
  readonly #isDraft4: boolean;
  readonly #places = new Map<JsonObject, Place>();
  readonly #resources = new Map<string, JsonObject>();
  readonly #anchors = new Map<string, JsonObject>();
  readonly #dynamicAnchors = new Map<string, JsonObject>();

  constructor(root: JsonObject) {
    this.#root = root;
    this.#isDraft4 = /draft-0[34]/.test(String(root.$schema));
    this.#rootBase = this.#addressOf(root, NO_BASE) ?? NO_BASE;
    this.#resources.set(NO_BASE, root);
    this.#enter(root, { base: NO_BASE, pointer: '' });
  }

  /** Finds what a reference in the schema `holder` leads to. */
  resolve(holder: JsonObject, keyword: ReferenceKeyword, reference: string): ReferenceTarget {
    const hash = reference.indexOf('#');
    const address = hash === -1 ? reference : reference.slice(0, hash);
    const base = this.#places.get(holder)?.base ?? this.#rootBase;
    const uri = address === '' ? base : absolute(address, base);
    const resource = uri === undefined ? undefined : this.#resources.get(uri);
    if (uri === undefined || resource === undefined) return { kind: isOutside(address, base) ? 'external' : 'missing' };
    if (keyword === '$recursiveRef') {
      const isDynamic = resource.$recursiveAnchor === true && this.#root.$recursiveAnchor === true;
      return this.#found(isDynamic ? this.#root : resource);
    }
    const fragment = hash === -1 ? '' : decoded(reference.slice(hash + 1));
    if (fragment !== '' && !fragment.startsWith('/')) return this.#found(this.#anchored(keyword, uri, fragment));
    // Where the nearest `$id` holds no definition of that name, one of the whole document is meant.
    for (const start of [resource, this.#root]) {
      const schema = valueAt(start, fragment);
      if (isSchema(schema)) return this.#found(schema, { base: uri, pointer: this.#pointerOf(start) + fragment });
    }
    return { kind: 'missing' };
  }

  /** A schema outside of the known keywords is entered when a reference leads to it. */
  #found(schema: JsonObject | boolean | undefined, place: Place = { base: NO_BASE, pointer: '' }): ReferenceTarget {
    if (schema === undefined) return { kind: 'missing' };
    if (typeof schema === 'boolean') return { kind: 'local', schema, pointer: place.pointer };
    if (!this.#places.has(schema)) this.#enter(schema, place);
    return { kind: 'local', schema, pointer: this.#pointerOf(schema) };
  }

  #anchored(keyword: ReferenceKeyword, uri: string, name: string): JsonObject | undefined {
    const dynamic = this.#dynamicAnchors.get(`${uri}#${name}`);
    const isDynamic = keyword === '$dynamicRef' && dynamic !== undefined;
    const outermost = isDynamic ? this.#dynamicAnchors.get(`${this.#rootBase}#${name}`) : undefined;
    return outermost ?? dynamic ?? this.#anchors.get(`${uri}#${name}`);
  }

  #pointerOf(schema: JsonObject): string {
    return this.#places.get(schema)?.pointer ?? '';
  }

  #enter(start: JsonObject, place: Place): void {
    const open: [schema: JsonObject, outer: Place][] = [[start, place]];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      const [schema, outer] = next;
      if (this.#places.has(schema)) continue;
      const own = this.#addressOf(schema, outer.base);
      const base = own ?? outer.base;
      this.#places.set(schema, { base, pointer: outer.pointer });
      if (own !== undefined && !this.#resources.has(own)) this.#resources.set(own, schema);
      this.#addAnchors(schema, base);
      for (const [path, child] of childrenOf(schema).reverse())
        open.push([child, { base, pointer: outer.pointer + path }]);
    }
  }

  #addAnchors(schema: JsonObject, base: string): void {
    const { $anchor, $dynamicAnchor, $id, id } = schema;
    for (const name of [$anchor, $dynamicAnchor])
      if (typeof name === 'string') this.#anchors.set(`${base}#${name}`, schema);
    if (typeof $dynamicAnchor === 'string') this.#dynamicAnchors.set(`${base}#${$dynamicAnchor}`, schema);
    for (const name of [$id, id])
      if (typeof name === 'string' && name.startsWith('#')) this.#anchors.set(base + name, schema);
  }

  /** The address that a schema gives itself, without a fragment. */
  #addressOf({ $id, id }: JsonObject, base: string): string | undefined {
    const own = $id ?? (this.#isDraft4 ? id : undefined);
    if (typeof own !== 'string' || own.startsWith('#') || own === '') return undefined;
    return absolute(own.replace(/#.*$/s, ''), base);
  }
}

/** The schema objects directly in a schema of any draft, with their paths from there. */
function childrenOf(schema: JsonObject): [path: string, child: JsonObject][] {
  return Object.entries(schema).flatMap(([keyword, value]) => {
    const kind = kindOf(keyword);
    if (kind?.startsWith('schema') !== true || typeof value !== 'object' || value === null) return [];
    const isMany = Array.isArray(value) || kind === 'schemas by key';
    const children: [string, unknown][] = isMany
      ? Object.entries(value).map(([key, child]) => [`/${keyword}/${escapeSegment(key)}`, child])
      : [[`/${keyword}`, value]];
    return children.filter((entry): entry is [string, JsonObject] => isJsonObject(entry[1]));
  });
}

function absolute(address: string, base: string): string | undefined {
  return parseUrl(address, base)?.href;
}

function isOutside(address: string, base: string): boolean {
  return /^([a-z][a-z0-9+.-]*:|\/\/)/i.test(address) || (address !== '' && !base.startsWith(NO_BASE));
}

function decoded(fragment: string): string {
  try {
    return decodeURIComponent(fragment);
  } catch {
    return fragment;
  }
}
