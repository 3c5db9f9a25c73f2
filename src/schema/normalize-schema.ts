import { escapeSegment, isJsonObject, isSchema, type JsonObject } from './json-object.ts';
import { type KeywordEntry, normalizeKeyword, toExtension, toNamesByKey } from './normalize-keywords.ts';
import { REFERENCE_KEYWORDS, ReferenceIndex, type ReferenceKeyword, type ReferenceTarget } from './reference-index.ts';
import { type Schema, type SchemaNode, subschemasOf } from './schema.ts';
import { isAnnotation, kindOf } from './schema-keywords.ts';
import { MAX_LEVELS, measureSchema, RefusedSchemaError, SHOWN_CHARACTERS } from './schema-limits.ts';

const normalized = new WeakMap<object, Schema>();

/**
 * Reads a schema of any draft from 04 on, and what servers send as one, as 2020-12: older keywords become those of
 * 2020-12, malformed ones are left out, keywords that the schema's own dialect does not know are annotations, and
 * references are followed. Each source is read once. Throws `RefusedSchemaError` for a schema that is too deep or too
 * large, or whose references lead out of it (they are never fetched: MCP 2025-11-25, "JSON Schema Usage"), to nowhere,
 * or in a circle. What no reference leads to is not judged.
 */
export function normalizeSchema(source: JsonObject | boolean): Schema {
  if (!isJsonObject(source)) return source !== false;
  const known = normalized.get(source);
  if (known !== undefined) return known;
  measureSchema(source);
  const schema = new Normalizer(source).normalize();
  normalized.set(source, schema);
  return schema;
}

/** Why a schema cannot be used, with the place as a JSON pointer; `undefined` if it can. */
export function schemaRefusal(source: JsonObject | boolean): string | undefined {
  try {
    normalizeSchema(source);
    return undefined;
  } catch (error) {
    if (error instanceof RefusedSchemaError) return error.message;
    throw error;
  }
}

/** A schema object whose keywords are still to be read. */
interface UnreadNode {
  readonly source: JsonObject;
  readonly pointer: string;
  readonly references: SchemaNode[];
  readonly keywords: Map<string, unknown>;
}

class Normalizer {
  readonly #root: JsonObject;
  readonly #unknownKeywords: readonly string[];
  readonly #ignoresReferenceSiblings: boolean;
  readonly #nodes = new Map<JsonObject, SchemaNode>();
  readonly #unread: UnreadNode[] = [];
  readonly #depths = new Map<SchemaNode, number>();
  #index: ReferenceIndex | undefined;

  constructor(root: JsonObject) {
    this.#root = root;
    const dialect = String(root.$schema);
    const isOld = /draft-0[3-7]/.test(dialect);
    this.#unknownKeywords = isOld ? UNKNOWN_TO_DRAFT_07 : /2019-09/.test(dialect) ? ['prefixItems'] : [];
    this.#ignoresReferenceSiblings = isOld;
  }

  /** A queue and no recursion: thousands of definitions may each refer to the next. */
  normalize(): Schema {
    const schema = this.#schema(this.#root, '');
    for (let node = this.#unread.pop(); node !== undefined; node = this.#unread.pop()) this.#read(node);
    for (const node of this.#nodes.values()) this.#judgeDepth(node, new Set());
    return schema;
  }

  #schema(source: unknown, pointer: string): Schema {
    return isJsonObject(source) ? this.#node(source, pointer) : source !== false;
  }

  #node(source: JsonObject, pointer: string): SchemaNode {
    const known = this.#nodes.get(source);
    if (known !== undefined) return known;
    const node = { pointer, references: [], keywords: new Map() };
    this.#unread.push({ source, ...node });
    this.#nodes.set(source, node);
    return node;
  }

  #read({ source, pointer, references, keywords }: UnreadNode): void {
    for (const keyword of REFERENCE_KEYWORDS) {
      const reference = source[keyword];
      if (typeof reference !== 'string') continue;
      const target = this.#resolve(source, keyword, reference);
      if (target.kind !== 'local') throw new RefusedSchemaError(toReason(target, reference), pointer);
      references.push(this.#target(target));
    }
    const isConstrained = !(this.#ignoresReferenceSiblings && typeof source.$ref === 'string');
    for (const [keyword, value] of Object.entries(source)) {
      for (const [name, read] of this.#readKeyword(keyword, value, source, pointer)) {
        if (read === undefined || !(isConstrained || isAnnotation(name))) continue;
        const before = keywords.get(name);
        keywords.set(name, before instanceof Map && read instanceof Map ? new Map([...before, ...read]) : read);
      }
    }
  }

  #resolve(source: JsonObject, keyword: ReferenceKeyword, reference: string): ReferenceTarget {
    this.#index ??= new ReferenceIndex(this.#root);
    return this.#index.resolve(source, keyword, reference);
  }

  #target({ schema, pointer }: ReferenceTarget & { kind: 'local' }): SchemaNode {
    if (typeof schema === 'object') return this.#node(schema, pointer);
    return { pointer, references: [], keywords: new Map(schema ? [] : [['allOf', [false]]]) };
  }

  #readKeyword(keyword: string, value: unknown, source: JsonObject, outer: string): readonly KeywordEntry[] {
    const pointer = `${outer}/${escapeSegment(keyword)}`;
    if (this.#unknownKeywords.includes(keyword)) return [toExtension(keyword, value)];
    if (keyword === 'items' && Array.isArray(value)) {
      // A tuple up to 2019-09, where `additionalItems` describes the rest.
      const rest = this.#one(source.additionalItems, `${outer}/additionalItems`);
      return [
        ['prefixItems', this.#list('prefixItems', value, pointer)],
        ['items', rest],
      ];
    }
    if (keyword === 'dependencies') {
      const names = toNamesByKey(value);
      const schemas = this.#byKey(value, pointer, isSchema);
      return [
        ['dependentRequired', names?.size ? names : undefined],
        ['dependentSchemas', schemas?.size ? schemas : undefined],
      ];
    }
    if (keyword === 'discriminator') return [[keyword, this.#discriminator(value, source)]];
    if (['additionalItems', '$defs', 'definitions'].includes(keyword)) return [];
    switch (kindOf(keyword)) {
      case 'schema':
        return [[keyword, this.#one(value, pointer)]];
      case 'schemas':
        return [[keyword, this.#list(keyword, value, pointer)]];
      case 'schemas by key':
        return [[keyword, this.#byKey(value, pointer)]];
      default:
        return [normalizeKeyword(keyword, value, source)];
    }
  }

  #one(value: unknown, pointer: string): Schema | undefined {
    return isSchema(value) ? this.#schema(value, pointer) : undefined;
  }

  /** Alternatives with one that is malformed say nothing: what it would allow is not known. */
  #list(keyword: string, value: unknown, pointer: string): readonly Schema[] | undefined {
    if (!Array.isArray(value) || value.length === 0) return undefined;
    if (keyword !== 'prefixItems' && !value.every(isSchema)) return undefined;
    return value.map((member, index) => this.#schema(member, `${pointer}/${index}`));
  }

  #byKey(
    value: unknown,
    pointer: string,
    isEntry = (_child: unknown) => true,
  ): ReadonlyMap<string, Schema> | undefined {
    if (!isJsonObject(value)) return undefined;
    const entries = Object.entries(value).filter(([, child]) => isEntry(child));
    return new Map(entries.map(([key, child]) => [key, this.#schema(child, `${pointer}/${escapeSegment(key)}`)]));
  }

  /** OpenAPI's own keyword; a mapping to another document is left out. */
  #discriminator(value: unknown, source: JsonObject): unknown {
    if (!isJsonObject(value) || typeof value.propertyName !== 'string') return undefined;
    const mapping = Object.entries(isJsonObject(value.mapping) ? value.mapping : {}).flatMap(([key, reference]) => {
      const target = typeof reference === 'string' ? this.#resolve(source, '$ref', reference) : undefined;
      return target?.kind === 'local' ? [[key, this.#target(target)] as const] : [];
    });
    return { propertyName: value.propertyName, mapping: new Map(mapping) };
  }

  /** Returns how many schemas inside each other apply to one value. Throws `RefusedSchemaError` for a circle or for more
   * than 100. */
  #judgeDepth(node: SchemaNode, path: Set<SchemaNode>): number {
    const known = this.#depths.get(node);
    if (known !== undefined) return known;
    const refuse = (reason: string) => new RefusedSchemaError(reason, node.pointer);
    if (path.has(node)) throw refuse('refers to itself without an end');
    const tooDeep = `has more than ${MAX_LEVELS} references and alternatives inside each other`;
    if (path.size === MAX_LEVELS) throw refuse(tooDeep);
    path.add(node);
    const inPlace = subschemasOf(node).flatMap(({ schema, isInPlace }) => (isInPlace ? [schema] : []));
    let depth = 1;
    for (const next of [...node.references, ...inPlace])
      if (typeof next === 'object') depth = Math.max(depth, 1 + this.#judgeDepth(next, path));
    path.delete(node);
    if (depth > MAX_LEVELS) throw refuse(tooDeep);
    this.#depths.set(node, depth);
    return depth;
  }
}

const UNKNOWN_TO_DRAFT_07 = [
  'dependentRequired',
  'dependentSchemas',
  'unevaluatedItems',
  'unevaluatedProperties',
  'prefixItems',
  'minContains',
  'maxContains',
];

function toReason(target: ReferenceTarget, reference: string): string {
  const shown = JSON.stringify(reference.slice(0, SHOWN_CHARACTERS));
  return target.kind === 'external'
    ? `refers to ${shown}, and no $ref is fetched`
    : `refers to ${shown}, which is not in it`;
}
