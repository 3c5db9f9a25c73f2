import { isJsonObject, isSchema, type JsonObject, toSegments } from './json-object.ts';
import { subschemasOf } from './subschemas.ts';

const REFERENCES = ['$ref', '$dynamicRef', '$recursiveRef'] as const;
/** Stands for the address of a schema that names none (RFC 3986, section 5.1.4). */
const NO_BASE = 'schema://local/';

export interface Reference {
  readonly keyword: (typeof REFERENCES)[number];
  readonly text: string;
}

/** Where a reference leads: to a schema in the same document, to nowhere in it, or out of it. */
export type ReferenceTarget =
  | { readonly kind: 'local'; readonly schema: JsonObject | boolean }
  | { readonly kind: 'missing' }
  | { readonly kind: 'external' };

/** The references of one schema, without those inside it. */
export function referencesOf(schema: JsonObject): Reference[] {
  return REFERENCES.flatMap((keyword) => {
    const text = schema[keyword];
    return typeof text === 'string' ? [{ keyword, text }] : [];
  });
}

/**
 * Finds what references of a document mean: JSON pointers, `$anchor`, `$id` with references relative to it (also
 * draft-04's `id` and draft-07's `$id: "#name"`), `$dynamicRef` and `$recursiveRef`. Nothing is fetched.
 * A dynamic reference is taken to the anchor of the whole document where there is one: the evaluation starts there.
 */
export class ReferenceIndex {
  readonly #root: JsonObject | boolean;
  readonly #rootBase: string;
  readonly #bases = new Map<JsonObject, string>();
  readonly #resources = new Map<string, JsonObject>();
  readonly #anchors = new Map<string, JsonObject>();
  readonly #dynamicAnchors = new Map<string, JsonObject>();

  constructor(root: JsonObject | boolean) {
    this.#root = root;
    this.#rootBase = isJsonObject(root) ? (addressOf(root, NO_BASE) ?? NO_BASE) : NO_BASE;
    if (!isJsonObject(root)) return;
    this.#resources.set(NO_BASE, root);
    this.#enter(root, NO_BASE);
  }

  /** Finds what a reference that stands in `holder` leads to. */
  resolve(holder: JsonObject, { keyword, text }: Reference): ReferenceTarget {
    const hash = text.indexOf('#');
    const address = hash === -1 ? text : text.slice(0, hash);
    const base = this.#bases.get(holder) ?? this.#rootBase;
    const uri = address === '' ? base : absolute(address, base);
    const resource = uri === undefined ? undefined : this.#resources.get(uri);
    if (uri === undefined || resource === undefined) return { kind: isOutside(address, base) ? 'external' : 'missing' };
    if (keyword === '$recursiveRef') return this.#recursive(resource);
    const fragment = hash === -1 ? '' : decoded(text.slice(hash + 1));
    if (fragment === undefined) return { kind: 'missing' };
    if (fragment !== '' && !fragment.startsWith('/')) return this.#anchor(keyword, uri, fragment);
    // A definition of the whole document is meant where the nearest `$id` holds none of that name.
    const found = lookUp(resource, fragment) ?? lookUp(this.#root, fragment);
    if (!isSchema(found)) return { kind: 'missing' };
    if (isJsonObject(found) && !this.#bases.has(found)) this.#enter(found, uri);
    return { kind: 'local', schema: found };
  }

  #recursive(resource: JsonObject): ReferenceTarget {
    const isDynamic = resource.$recursiveAnchor === true && isJsonObject(this.#root) && this.#root.$recursiveAnchor;
    return { kind: 'local', schema: isDynamic === true ? this.#root : resource };
  }

  #anchor(keyword: Reference['keyword'], uri: string, name: string): ReferenceTarget {
    const dynamic = this.#dynamicAnchors.get(`${uri}#${name}`);
    const outermost = this.#dynamicAnchors.get(`${this.#rootBase}#${name}`);
    const isDynamic = keyword === '$dynamicRef' && dynamic !== undefined;
    const schema = (isDynamic ? outermost : undefined) ?? dynamic ?? this.#anchors.get(`${uri}#${name}`);
    return schema === undefined ? { kind: 'missing' } : { kind: 'local', schema };
  }

  #enter(start: JsonObject, startBase: string): void {
    const open: [schema: JsonObject, base: string][] = [[start, startBase]];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      const [schema, outerBase] = next;
      if (this.#bases.has(schema)) continue;
      const own = addressOf(schema, outerBase);
      const base = own ?? outerBase;
      this.#bases.set(schema, base);
      if (own !== undefined && !this.#resources.has(own)) this.#resources.set(own, schema);
      this.#name(schema, base);
      for (const { schema: child } of subschemasOf(schema).toReversed())
        if (isJsonObject(child)) open.push([child, base]);
    }
  }

  #name(schema: JsonObject, base: string): void {
    const { $anchor, $dynamicAnchor, $id, id } = schema;
    for (const name of [$anchor, $dynamicAnchor]) {
      if (typeof name === 'string') this.#anchors.set(`${base}#${name}`, schema);
    }
    if (typeof $dynamicAnchor === 'string') this.#dynamicAnchors.set(`${base}#${$dynamicAnchor}`, schema);
    for (const name of [$id, id]) {
      if (typeof name === 'string' && name.startsWith('#')) this.#anchors.set(base + name, schema);
    }
  }
}

/** The address that a schema gives itself, without a fragment. */
function addressOf({ $id, id, $schema }: JsonObject, base: string): string | undefined {
  const isDraft4 = typeof $schema === 'string' && $schema.includes('draft-04');
  const own = $id ?? (isDraft4 ? id : undefined);
  if (typeof own !== 'string' || own.startsWith('#') || own === '') return undefined;
  return absolute(own.replace(/#.*$/s, ''), base);
}

function absolute(address: string, base: string): string | undefined {
  try {
    return new URL(address, base).href;
  } catch {
    return undefined;
  }
}

function isOutside(address: string, base: string): boolean {
  return /^([a-z][a-z0-9+.-]*:|\/\/)/i.test(address) || (address !== '' && !base.startsWith(NO_BASE));
}

function decoded(fragment: string): string | undefined {
  try {
    return decodeURIComponent(fragment);
  } catch {
    return fragment;
  }
}

function lookUp(root: unknown, pointer: string): unknown {
  let value: unknown = root;
  for (const segment of toSegments(pointer)) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, segment)) return undefined;
    value = (value as JsonObject)[segment];
  }
  return value;
}
