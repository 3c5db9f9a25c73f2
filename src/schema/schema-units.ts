import { isJsonObject, isSchema, type JsonObject } from './json-object.ts';
import { isPattern } from './pattern.ts';
import { ReferenceIndex, referencesOf } from './reference-index.ts';
import { soundKeywords, toCount, toNames } from './sound-keywords.ts';

/** Checks the value against the unit of this number, as `$ref` would. */
export const UNIT = 'mcpo:unit';
/** Checks each property against the unit of its number: a record of numbers by name. */
export const UNIT_PROPERTIES = 'mcpo:unitProperties';

/** Up to here a schema is compiled in one piece. */
const WHOLE_NODES = 300;
/** In one that is compiled in pieces, what is smaller than this is not worth a piece of its own. */
const PIECE_NODES = 40;

/** References that lead on to others, each to several, would be written out without an end in sight. */
const MAX_WRITTEN_OUT = 500;

export type CheckableSchema = Record<string, unknown> | boolean;

type Dialect = 'draft-07' | '2019-09' | '2020-12';

const UNKNOWN_TO: Readonly<Record<Dialect, readonly string[]>> = {
  'draft-07': [
    'dependentRequired',
    'dependentSchemas',
    'unevaluatedItems',
    'unevaluatedProperties',
    'prefixItems',
    'minContains',
    'maxContains',
  ],
  '2019-09': ['prefixItems'],
  '2020-12': [],
};

/**
 * A schema as the compiler takes it, in units that are compiled when a value first comes to them: each `$ref` leads
 * to a unit, and a large schema is cut where it goes into properties and items. All units are in 2020-12 whatever the
 * schema is in: what older drafts say otherwise (tuples, boolean exclusive bounds, `dependencies`) is said in its
 * words, and keywords that the schema's own dialect does not know are left out. So is what is malformed.
 * The schema must have passed `findSchemaProblem`.
 */
export class SchemaUnits {
  readonly #root: JsonObject | boolean;
  readonly #dialect: Dialect;
  readonly #hasUnevaluated: boolean;
  readonly #schemas: (JsonObject | boolean)[] = [];
  readonly #numbers = new Map<JsonObject | boolean, number>();
  #index: ReferenceIndex | undefined;
  #writtenOut = 0;

  constructor(root: JsonObject | boolean) {
    this.#root = root;
    this.#dialect = dialectOf(root);
    this.#hasUnevaluated = holdsKeyword(root, /^unevaluated(Items|Properties)$/);
    this.#numberOf(root);
  }

  /** The schemas that a schema refers to. */
  targetsOf(schema: JsonObject): (JsonObject | boolean)[] {
    const references = referencesOf(schema);
    if (references.length === 0) return [];
    this.#index ??= new ReferenceIndex(this.#root);
    const index = this.#index;
    return references.flatMap((reference) => {
      const target = index.resolve(schema, reference);
      return target.kind === 'local' ? [target.schema] : [];
    });
  }

  /** The unit's own schema; 0 is the whole. */
  unit(number: number): CheckableSchema {
    const schema = this.#schemas[number] ?? true;
    this.#writtenOut = 0;
    return this.#write(schema, countNodes(schema, WHOLE_NODES) > WHOLE_NODES);
  }

  #numberOf(schema: JsonObject | boolean): number {
    const known = this.#numbers.get(schema);
    if (known !== undefined) return known;
    const number = this.#schemas.push(schema) - 1;
    this.#numbers.set(schema, number);
    return number;
  }

  /** A schema at the place of one that judges the same value. */
  #write(schema: unknown, isCut: boolean): CheckableSchema {
    if (!isJsonObject(schema)) return schema !== false;
    const known = this.#withoutUnknown(schema);
    const written = soundKeywords(known);
    this.#writeReferences(schema, written, isCut);
    this.#writeCombined(known, written, isCut);
    this.#writeObject(known, written, isCut);
    this.#writeArray(known, written, isCut);
    return written;
  }

  /** A schema at the place of one that judges a value inside. */
  #writeInside(schema: unknown, isCut: boolean): CheckableSchema {
    if (!isJsonObject(schema)) return this.#write(schema, isCut);
    const isPiece = isCut && countNodes(schema, PIECE_NODES) >= PIECE_NODES;
    // Written out in place, references that lead back through a value would have no end.
    const mayLeadBack = this.#hasUnevaluated && holdsKeyword(schema, /^\$(ref|dynamicRef|recursiveRef)$/);
    return isPiece || mayLeadBack ? { [UNIT]: this.#numberOf(schema) } : this.#write(schema, isCut);
  }

  #withoutUnknown(schema: JsonObject): JsonObject {
    const unknown = UNKNOWN_TO[this.#dialect];
    if (!unknown.some((keyword) => Object.hasOwn(schema, keyword))) return schema;
    return Object.fromEntries(Object.entries(schema).filter(([keyword]) => !unknown.includes(keyword)));
  }

  /** `unevaluated…` must see which properties the target has judged, so that there it is written out in place. */
  #writeReferences(schema: JsonObject, written: Record<string, unknown>, isCut: boolean): void {
    const targets = this.targetsOf(schema);
    if (targets.length === 0) return;
    const isSeen = this.#hasUnevaluated && this.#writtenOut < MAX_WRITTEN_OUT;
    const [first = true] = targets;
    if (targets.length === 1 && !isSeen) {
      written[UNIT] = this.#numberOf(first);
      return;
    }
    this.#writtenOut += targets.length;
    written.allOf = targets.map((target) => (isSeen ? this.#write(target, isCut) : { [UNIT]: this.#numberOf(target) }));
  }

  #writeCombined(schema: JsonObject, written: Record<string, unknown>, isCut: boolean): void {
    for (const keyword of ['allOf', 'anyOf', 'oneOf']) {
      const members = schema[keyword];
      if (!Array.isArray(members) || members.length === 0 || !members.every(isSchema)) continue;
      const all = members.map((member) => this.#write(member, isCut));
      written[keyword] = keyword === 'allOf' && Array.isArray(written.allOf) ? [...written.allOf, ...all] : all;
    }
    for (const keyword of ['not', 'if', 'then', 'else']) {
      if (isSchema(schema[keyword])) written[keyword] = this.#write(schema[keyword], isCut);
    }
    if (written.if === undefined) {
      delete written.then;
      delete written.else;
    }
    const dependentSchemas: Record<string, CheckableSchema> = {};
    const dependentRequired = { ...((written.dependentRequired as object | undefined) ?? {}) } as Record<
      string,
      unknown
    >;
    for (const [key, value] of [...entriesOf(schema.dependentSchemas), ...entriesOf(schema.dependencies)]) {
      const names = toNames(value);
      if (names !== undefined) dependentRequired[key] = names;
      else if (isSchema(value)) dependentSchemas[key] = this.#write(value, isCut);
    }
    if (Object.keys(dependentSchemas).length > 0) written.dependentSchemas = dependentSchemas;
    if (Object.keys(dependentRequired).length > 0) written.dependentRequired = dependentRequired;
  }

  #writeObject(schema: JsonObject, written: Record<string, unknown>, isCut: boolean): void {
    const properties = entriesOf(schema.properties);
    if (properties.length > 0) {
      const inside = properties.map(([key, child]): [string, CheckableSchema] => [
        key,
        isCut ? true : this.#writeInside(child, isCut),
      ]);
      written.properties = Object.fromEntries(inside);
      // A map: names such as "constructor" are names like others.
      if (isCut) written[UNIT_PROPERTIES] = new Map(properties.map(([key, child]) => [key, this.#pieceOf(child)]));
    }
    const patterns = entriesOf(schema.patternProperties).filter(([pattern]) => isPattern(pattern));
    if (patterns.length > 0) {
      written.patternProperties = Object.fromEntries(
        patterns.map(([pattern, child]) => [pattern, this.#writeInside(child, isCut)]),
      );
    }
    for (const keyword of ['additionalProperties', 'unevaluatedProperties', 'propertyNames']) {
      if (isSchema(schema[keyword])) written[keyword] = this.#writeInside(schema[keyword], isCut);
    }
  }

  #pieceOf(child: unknown): number {
    return this.#numberOf(isSchema(child) ? child : true);
  }

  /** A list of `items` is what older drafts, and servers that do not say their dialect, have for `prefixItems`. */
  #writeArray(schema: JsonObject, written: Record<string, unknown>, isCut: boolean): void {
    const { items, additionalItems, prefixItems, contains } = schema;
    const isList = Array.isArray(items);
    const prefix = isList ? items : Array.isArray(prefixItems) ? prefixItems : [];
    if (prefix.length > 0) written.prefixItems = prefix.map((item) => this.#writeInside(item, isCut));
    const rest = isList ? additionalItems : items;
    if (isSchema(rest)) written.items = this.#writeInside(rest, isCut);
    if (isSchema(schema.unevaluatedItems)) {
      written.unevaluatedItems = this.#writeInside(schema.unevaluatedItems, isCut);
    }
    if (!isSchema(contains)) return;
    written.contains = this.#writeInside(contains, isCut);
    for (const keyword of ['minContains', 'maxContains']) {
      const count = toCount(schema[keyword]);
      if (count !== undefined) written[keyword] = count;
    }
  }
}

/** The entries of a keyword that is a map; the one name that an assignment would take for the prototype is no property. */
function entriesOf(map: unknown): [key: string, value: unknown][] {
  return isJsonObject(map) ? Object.entries(map).filter(([key]) => key !== '__proto__') : [];
}

function dialectOf(schema: JsonObject | boolean): Dialect {
  const name = isJsonObject(schema) && typeof schema.$schema === 'string' ? schema.$schema : '';
  if (/draft-0[3-7]/.test(name)) return 'draft-07';
  return /2019-09/.test(name) ? '2019-09' : '2020-12';
}

/** How many JSON values a schema holds; counts no further than `limit`. */
function countNodes(schema: unknown, limit: number): number {
  const open: unknown[] = [schema];
  let count = 0;
  for (let node = open.pop(); node !== undefined && count <= limit; node = open.pop()) {
    count += 1;
    if (typeof node === 'object' && node !== null) open.push(...Object.values(node).slice(0, limit + 1));
  }
  return count;
}

function holdsKeyword(schema: unknown, name: RegExp): boolean {
  const open: unknown[] = [schema];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    if (typeof node !== 'object' || node === null) continue;
    for (const [key, child] of Object.entries(node)) {
      if (name.test(key)) return true;
      open.push(child);
    }
  }
  return false;
}
