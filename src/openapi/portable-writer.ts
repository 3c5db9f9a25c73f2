import { toDynamic } from './dynamic-reference.ts';
import { isJsonObject, type JsonObject } from './local-reference.ts';
import { absorb, addAnnotations, addConditions, addRest } from './merge-nodes.ts';
import { openNode } from './open-node.ts';
import {
  addSentence,
  anyNode,
  isNever,
  neverNode,
  type PortableNode,
  typesOf,
  unionNode,
  withoutAnnotations,
} from './portable-node.ts';
import { ownTypes, type ReadSchema, readSchema } from './read-schema.ts';
import { refusedReference, type SchemaIndex } from './schema-index.ts';
import { isOfType, type TypeName } from './schema-keywords.ts';
import type { ChildWriter, Place } from './schema-place.ts';
import { everyType, intersectTypes, type TypeSet, toTypeSet } from './type-set.ts';
import { isBare, writeArrayKeywords, writeObjectKeywords, writeOthers, writeScalarKeywords } from './typed-keywords.ts';

/** Deeper than that, references are not followed, whatever they lead to. */
const MAX_UNROLLED_LEVELS = 100;
const MAX_NODES = 5_000;

/**
 * Writes a source schema as one inline tree of typed nodes. Keywords stay where they are and what holds together stays
 * together, so the tree says what the source says, except where `widenings` counts something that can't be told.
 * Each schema is written once for each place that refers to it, and a cycle `maxVisits` times.
 */
export class PortableWriter implements ChildWriter {
  /** How often something was written that allows more than its source: under `not` and `if` that is told otherwise. */
  widenings = 0;
  /** How often a part was left out that looks at properties, which `unevaluatedProperties` would count. */
  omissions = 0;
  isOverBudget = false;
  /** Fewer visits would make it smaller. */
  hasCutCycle = false;
  #nodes = 0;
  readonly #visits = new Map<unknown, number>();
  readonly #index: SchemaIndex;
  readonly #maxVisits: number;

  constructor(index: SchemaIndex, maxVisits: number) {
    this.#index = index;
    this.#maxVisits = maxVisits;
  }

  /** Throws `RefusedSchema` for a reference that leaves the source. */
  writeRoot(types: TypeSet): PortableNode {
    const { value, resource } = this.#index.root;
    this.#visits.set(value, 1);
    return this.write(value, { types, level: 1, resource, scope: { resource, outer: undefined }, pointer: '' });
  }

  write(source: unknown, place: Place): PortableNode {
    this.#nodes++;
    if (source === false) return neverNode();
    if (!isJsonObject(source)) return anyNode(place.types);
    const resource = this.#index.resourceAt(source) ?? place.resource;
    if (resource === place.resource) return this.#writeObject(source, place);
    return this.#writeObject(source, { ...place, resource, scope: { resource, outer: place.scope } });
  }

  /** A schema below another one; `key` is its place there. */
  writeChild(source: unknown, key: string, place: Place, types: TypeSet = everyType): PortableNode {
    return this.write(source, { ...place, types, level: place.level + 1, pointer: `${place.pointer}/${key}` });
  }

  /** As `writeChild`, but `undefined` unless the result says exactly what its source does. */
  #writeExactly(source: unknown, key: string, place: Place): PortableNode | undefined {
    const before = this.widenings;
    const node = this.writeChild(source, key, place, place.types);
    return this.widenings === before ? node : undefined;
  }

  #writeObject(source: JsonObject, outer: Place): PortableNode {
    const schema = readSchema(source, this.#index.ignoresSiblings);
    const own = ownTypes(schema);
    if (own.isContradictory) this.#widen();
    let types = own.types === undefined ? outer.types : intersectTypes(own.types, outer.types);
    if (types.size === 0) return neverNode();
    const omissions = this.omissions;

    const conjuncts: PortableNode[] = [];
    const addConjunct = (node: PortableNode) => {
      const both = intersectTypes(types, typesOf(node));
      // A contradiction: what is said here is still worth telling.
      if (isNever(node) || both.size === 0) return this.#widen();
      types = both;
      conjuncts.push(node);
    };
    for (const { keyword, reference } of schema.references)
      addConjunct(this.#follow(keyword, reference, { ...outer, types }));
    for (const [index, member] of list(schema, 'allOf').entries())
      addConjunct(this.writeChild(member, `allOf/${index}`, outer, types));

    const choices: PortableNode[][] = [];
    for (const keyword of ['anyOf', 'oneOf']) {
      const members = list(schema, keyword);
      if (keyword === 'oneOf' && members.length > 1) this.#widen();
      const written = members.map((member, index) => this.writeChild(member, `${keyword}/${index}`, outer, types));
      const possible = written.filter((node) => !isNever(node));
      const both = intersectTypes(types, toTypeSet(possible.flatMap((node) => [...typesOf(node)])));
      if (both.size === 0) {
        if (members.length > 0) this.#widen();
        continue;
      }
      types = both;
      const [only] = possible;
      if (possible.length > 1) choices.push(possible);
      else if (only !== undefined) conjuncts.push(only);
    }

    const node = this.#compose(schema, { ...outer, types }, conjuncts, choices);
    this.#addConditions(node, schema, { ...outer, types });
    if (schema.constraints.has('unevaluatedProperties'))
      this.#addUnevaluated(node, schema, { ...outer, types }, omissions);
    const isOpenToNull = schema.isNullable && !typesOf(node).has('null') && outer.types.has('null');
    return isOpenToNull ? this.#orNull(node) : node;
  }

  #compose(
    schema: ReadSchema,
    place: Place,
    conjuncts: readonly PortableNode[],
    choices: readonly PortableNode[][],
  ): PortableNode {
    const parts = [...place.types].map((type) => this.#writeType(type, schema, place));
    const [part] = parts;
    const isPlain = schema.values === undefined && parts.every((one) => isBare(one, schema.constraints));
    const [choice, ...otherChoices] = choices;

    let node: PortableNode;
    if (isPlain && choice !== undefined && conjuncts.length === 0) node = { anyOf: choice };
    else if (parts.length === 1 && part !== undefined) {
      node = part;
      if (choice !== undefined) node.anyOf = choice;
    } else if (!isPlain) {
      node = { anyOf: parts };
      if (choice !== undefined) node.allOf = [{ anyOf: choice }];
    } else if (choice !== undefined) node = { anyOf: choice };
    else if (conjuncts.length > 0) node = {};
    else node = anyNode(place.types);

    let whole = addAnnotations(node, Object.fromEntries(schema.annotations));
    for (const other of otherChoices) addRest(whole, { anyOf: other });
    for (const conjunct of conjuncts) {
      const isEmpty = whole.type === undefined && whole.anyOf === undefined;
      if (isEmpty) whole = addAnnotations({ ...withoutAnnotations(conjunct), ...whole }, conjunct);
      else addRest(whole, absorb(whole, conjunct, false));
    }
    return whole;
  }

  /** The keywords that apply to one type. */
  #writeType(type: TypeName, schema: ReadSchema, place: Place): PortableNode {
    const node: PortableNode = { type };
    const { values } = schema;
    if (values !== undefined) {
      if (schema.constraints.has('const') && values.length === 1) node.const = values[0];
      else if (type !== 'null') node.enum = values.filter((value) => isOfType(value, type));
    }
    if (type === 'object') writeObjectKeywords(node, schema.constraints, place, this);
    else if (type === 'array') writeArrayKeywords(node, schema.constraints, place, this);
    else writeScalarKeywords(node, schema.constraints, place.types);
    return node;
  }

  #addConditions(node: PortableNode, { constraints }: ReadSchema, place: Place): void {
    if (constraints.has('not')) {
      const not = this.#writeExactly(constraints.get('not'), 'not', place);
      if (not === undefined) this.#omit(node, 'Some values are not allowed that cannot be told here.');
      // What holds for nothing rules nothing out.
      else if (!isNever(not)) addConditions(node, { not });
    }
    if (!constraints.has('if') || !(constraints.has('then') || constraints.has('else'))) return;
    const condition = this.#writeExactly(constraints.get('if'), 'if', place);
    const branches: PortableNode = {};
    for (const keyword of ['then', 'else'] as const)
      if (constraints.has(keyword))
        branches[keyword] = this.writeChild(constraints.get(keyword), keyword, place, place.types);
    if (condition === undefined) this.#omit(node, 'What else is allowed depends on the value.');
    else addConditions(node, { if: condition, ...branches });
  }

  /** On the whole node: from there it sees every part that names properties. */
  #addUnevaluated(node: PortableNode, { constraints }: ReadSchema, place: Place, omissionsBefore: number): void {
    if (!place.types.has('object')) return;
    const others = writeOthers('unevaluatedProperties', constraints, place, this);
    if (this.omissions === omissionsBefore && node.unevaluatedProperties === undefined)
      node.unevaluatedProperties = others;
    else this.#omit(node, 'Properties that are not described may not be allowed.');
  }

  #follow(keyword: string, reference: string, place: Place): PortableNode {
    const found = this.#index.lookUp(reference, place.resource);
    if (found === 'external') throw refusedReference(`${place.pointer}/${keyword}`, reference);
    if (found === 'missing') {
      this.omissions++;
      this.#widen();
      return anyNode(place.types);
    }
    const spot = keyword === '$ref' ? found : toDynamic(found, keyword, place.scope);
    const visits = this.#visits.get(spot.value) ?? 0;
    const isTooMuch = this.#nodes > MAX_NODES || place.level > MAX_UNROLLED_LEVELS;
    if (isTooMuch) this.isOverBudget = true;
    else if (visits >= this.#maxVisits) this.hasCutCycle = true;
    if (isTooMuch || visits >= this.#maxVisits) {
      this.omissions++;
      this.#widen();
      return openNode(spot.value, place.types, isTooMuch);
    }
    this.#visits.set(spot.value, visits + 1);
    const isElsewhere = spot.resource !== place.resource;
    const scope = isElsewhere ? { resource: spot.resource, outer: place.scope } : place.scope;
    const { types, level } = place;
    const node = this.write(spot.value, {
      types,
      level: level + 1,
      resource: spot.resource,
      scope,
      pointer: spot.pointer,
    });
    this.#visits.set(spot.value, visits);
    return node;
  }

  #orNull(node: PortableNode): PortableNode {
    this.#widen();
    return addAnnotations(unionNode([withoutAnnotations(node), { type: 'null' }]), node);
  }

  /** Tells in words what is left out. */
  #omit(node: PortableNode, sentence: string): void {
    this.omissions++;
    this.#widen();
    addSentence(node, sentence);
  }

  #widen(): void {
    this.widenings++;
  }
}

function list({ constraints }: ReadSchema, keyword: string): readonly unknown[] {
  return (constraints.get(keyword) as readonly unknown[] | undefined) ?? [];
}
