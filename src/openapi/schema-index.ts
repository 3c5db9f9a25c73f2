import { parseUrl } from '../parse-url.ts';
import { isJsonObject, type JsonObject, toSegments } from './local-reference.ts';
import { keywordKinds } from './schema-keywords.ts';

const MAX_LEVELS = 100;
const NO_ADDRESS = 'tool:///schema';

/** The source cannot be published; the message says where and why. */
export class RefusedSchema extends Error {}

/** A part of the source with a base address of its own (2020-12, section 8.2.1): the root, or what has an `$id`. */
export interface SchemaResource {
  readonly address: string;
  readonly root: SchemaSpot;
  readonly anchors: Map<string, SchemaSpot>;
  readonly dynamicAnchors: Map<string, SchemaSpot>;
}

/** A value somewhere in the source. */
export interface SchemaSpot {
  readonly value: unknown;
  /** A JSON Pointer (RFC 6901) from the root of the source. */
  readonly pointer: string;
  readonly resource: SchemaResource;
}

/** `external` is what lies outside of the source and is never fetched. */
export type Lookup = SchemaSpot | 'missing' | 'external';

/** Where references of one source lead. */
export interface SchemaIndex {
  readonly root: SchemaSpot;
  /** Draft-07 and older: what stands beside `$ref` does not count. */
  readonly ignoresSiblings: boolean;
  /** The resource that begins at this very schema. */
  resourceAt(schema: object): SchemaResource | undefined;
  lookUp(reference: string, from: SchemaResource): Lookup;
}

/** Walks the source once, for addresses and anchors. Throws `RefusedSchema` for more than 100 levels. */
export function indexSchema(source: unknown): SchemaIndex {
  const dialect = isJsonObject(source) && typeof source.$schema === 'string' ? source.$schema : '';
  const resources = new Map<string, SchemaResource>();
  const starts = new Map<object, SchemaResource>();
  const root = toResource(source, '', toAddress(idOf(source), NO_ADDRESS) ?? NO_ADDRESS).root;

  function toResource(value: unknown, pointer: string, address: string): SchemaResource {
    const resource = { address, anchors: new Map(), dynamicAnchors: new Map() } as Omit<SchemaResource, 'root'>;
    const whole: SchemaResource = Object.assign(resource, { root: { value, pointer } as SchemaSpot });
    Object.assign(whole.root, { resource: whole });
    if (!resources.has(address)) resources.set(address, whole);
    if (isJsonObject(value)) starts.set(value, whole);
    return whole;
  }

  const queue: (SchemaSpot & { readonly level: number })[] = [{ ...root, level: 1 }];
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    const { value, pointer, level } = next;
    if (level > MAX_LEVELS) throw tooDeep(pointer);
    if (!isJsonObject(value)) continue;
    const address = pointer === '' ? undefined : toAddress(idOf(value), next.resource.address);
    const resource = address === undefined ? next.resource : toResource(value, pointer, address);
    addAnchors(resource, { value, pointer, resource });
    for (const [key, child] of Object.entries(value)) {
      const at = `${pointer}/${escapeSegment(key)}`;
      for (const [segment, schema] of childSchemas(key, child)) {
        queue.push({ value: schema, pointer: segment === '' ? at : `${at}${segment}`, resource, level: level + 1 });
      }
      if (!isPlaceOfSchemas(key)) requireShallow(child, at);
    }
  }

  const walk = (resource: SchemaResource, pointer: string): SchemaSpot | 'missing' => {
    let spot: SchemaSpot = resource.root;
    for (const segment of toSegments(pointer)) {
      const { value } = spot;
      if (typeof value !== 'object' || value === null || !Object.hasOwn(value, segment)) return 'missing';
      const child = (value as JsonObject)[segment];
      const start = isJsonObject(child) ? starts.get(child) : undefined;
      spot = { value: child, pointer: `${spot.pointer}/${escapeSegment(segment)}`, resource: start ?? spot.resource };
    }
    return spot;
  };

  return {
    root,
    ignoresSiblings: /draft-0[3-7]/.test(dialect),
    resourceAt: (schema) => starts.get(schema),
    lookUp(reference, from) {
      const [address = '', fragment] = split(toAddress(reference, from.address) ?? reference);
      const resource = reference.startsWith('#') ? from : resources.get(address);
      if (resource === undefined) return 'external';
      const name = decode(fragment ?? '');
      if (name === undefined) return 'missing';
      if (name === '') return resource.root;
      if (!name.startsWith('/')) return resource.anchors.get(name) ?? 'missing';
      const found = walk(resource, name);
      // Some generators mean the whole document although an `$id` lies between.
      return found === 'missing' ? walk(root.resource, name) : found;
    },
  };
}

function idOf(schema: unknown): string | undefined {
  if (!isJsonObject(schema)) return undefined;
  const id = typeof schema.$id === 'string' ? schema.$id : typeof schema.$schema === 'string' ? schema.id : undefined;
  return typeof id === 'string' && id !== '' && !id.startsWith('#') ? id.replace(/#$/, '') : undefined;
}

/** The name after `#` as 2020-12, draft-07 (`$id: "#name"`) and draft-04 (`id`) spell it. */
function addAnchors(resource: SchemaResource, spot: SchemaSpot & { readonly value: JsonObject }): void {
  const { $anchor, $dynamicAnchor, $recursiveAnchor, $id } = spot.value;
  const name = typeof $id === 'string' && $id.startsWith('#') ? $id.slice(1) : undefined;
  for (const anchor of [$anchor, $dynamicAnchor, name])
    if (typeof anchor === 'string' && !resource.anchors.has(anchor)) resource.anchors.set(anchor, spot);
  if (typeof $dynamicAnchor === 'string') resource.dynamicAnchors.set($dynamicAnchor, spot);
  if ($recursiveAnchor === true) resource.dynamicAnchors.set('', spot);
}

function toAddress(reference: string | undefined, base: string): string | undefined {
  return reference === undefined ? undefined : parseUrl(reference, base)?.href;
}

function split(address: string): readonly string[] {
  const hash = address.indexOf('#');
  return hash === -1 ? [address] : [address.slice(0, hash), address.slice(hash + 1)];
}

function decode(fragment: string): string | undefined {
  try {
    return decodeURIComponent(fragment);
  } catch {
    return undefined;
  }
}

function isPlaceOfSchemas(keyword: string): boolean {
  const kind = keywordKinds.get(keyword);
  return kind?.startsWith('schema') === true || placesOfMany.has(keyword);
}

const placesOfMany: ReadonlySet<string> = new Set(['$defs', 'definitions', 'dependencies', 'additionalItems']);

/** The schemas in a keyword's value, each with its pointer from there. */
function childSchemas(keyword: string, value: unknown): readonly (readonly [string, unknown])[] {
  if (!isPlaceOfSchemas(keyword)) return [];
  if (Array.isArray(value)) return value.map((child, index) => [`/${index}`, child] as const);
  if (!isJsonObject(value)) return [];
  if (keywordKinds.get(keyword) !== 'schemasByKey' && !['$defs', 'definitions', 'dependencies'].includes(keyword))
    return [['', value]];
  return Object.entries(value).map(([key, child]) => [`/${escapeSegment(key)}`, child] as const);
}

/** Serialising a value of any depth could exhaust the stack. */
function requireShallow(value: unknown, pointer: string): void {
  let layer: unknown[] = [value];
  for (let level = 0; layer.length > 0; level++) {
    if (level > MAX_LEVELS) throw tooDeep(pointer);
    layer = layer.flatMap((item) => (typeof item === 'object' && item !== null ? Object.values(item) : []));
  }
}

function tooDeep(pointer: string): RefusedSchema {
  return new RefusedSchema(`its schema has more than ${MAX_LEVELS} levels, at ${pointer.slice(0, 200)}`);
}

/** For a reference at the pointer that leaves the source. */
export function refusedReference(pointer: string, reference: string): RefusedSchema {
  const [at, to] = [pointer.slice(0, 200), JSON.stringify(reference.slice(0, 200))];
  return new RefusedSchema(`its schema refers at ${at} to ${to}, which is never fetched`);
}

/** RFC 6901, section 3. */
export function escapeSegment(segment: string): string {
  return segment.replaceAll('~', '~0').replaceAll('/', '~1');
}
