import type { Schema, SchemaNode } from '../schema.ts';
import { isOfType, type TypeName } from '../schema-keywords.ts';
import { absorb, addAnnotations, addConditions, addRest } from './merge-nodes.ts';
import {
  addSentence,
  anyNode,
  bareNode,
  isNever,
  neverNode,
  type PortableNode,
  typesOf,
  withoutAnnotations,
} from './portable-node.ts';
import { everyType, intersectTypes, type TypeSet, toTypeSet, typeOfValue } from './type-set.ts';
import {
  isBare,
  type KeywordWriter,
  writeArrayKeywords,
  writeObjectKeywords,
  writeOthers,
  writeScalarKeywords,
} from './typed-keywords.ts';

/** Deeper than that, references are not followed, whatever they lead to. */
const MAX_UNROLLED_LEVELS = 100;
const MAX_NODES = 5_000;

/**
 * Writes a schema as one inline tree of typed nodes. Keywords stay where they are and what holds together stays
 * together, so the tree says what the source says, except where `widenings` counts something that cannot be described.
 * Each schema is written once for each place that refers to it, and a cycle `maxVisits` times.
 */
export class PortableWriter implements KeywordWriter {
  /** How often something was written that allows more than its source: under `not` and `if` it is described instead. */
  widenings = 0;
  /** How often a part was left out that looks at properties, which `unevaluatedProperties` would count. */
  omissions = 0;
  isOverBudget = false;
  #nodes = 0;
  /** How deep the schema that is being written is in the tree. */
  #level = 0;
  readonly #visits = new Map<SchemaNode, number>();
  readonly #maxVisits: number;

  constructor(maxVisits: number) {
    this.#maxVisits = maxVisits;
  }

  writeRoot(schema: Schema, types: TypeSet): PortableNode {
    if (typeof schema === 'object') this.#visits.set(schema, 1);
    return this.write(schema, types);
  }

  /** All that is written has one of the types. */
  write(schema: Schema, types: TypeSet = everyType): PortableNode {
    this.#nodes++;
    if (typeof schema === 'boolean') return schema ? anyNode(types) : neverNode();
    this.#level++;
    const node = this.#writeNode(schema, types);
    this.#level--;
    return node;
  }

  /** As `write`, but `undefined` unless the result says exactly what its source does. */
  #writeExactly(schema: Schema, types: TypeSet): PortableNode | undefined {
    const before = this.widenings;
    const node = this.write(schema, types);
    return this.widenings === before ? node : undefined;
  }

  #writeNode(schema: SchemaNode, outer: TypeSet): PortableNode {
    const values = valuesOf(schema);
    const own = this.#ownTypes(schema, values);
    let types = own === undefined ? outer : intersectTypes(own, outer);
    if (types.size === 0) return neverNode();
    const omissions = this.omissions;

    const conjuncts: PortableNode[] = [];
    const addConjunct = (node: PortableNode) => {
      const both = intersectTypes(types, typesOf(node));
      // A contradiction: what is said here is still worth describing.
      if (isNever(node) || both.size === 0) {
        this.widenings++;
        return;
      }
      types = both;
      conjuncts.push(node);
    };
    for (const target of schema.references) addConjunct(this.#follow(target, types));
    for (const member of list(schema, 'allOf')) addConjunct(this.write(member, types));

    const choices: PortableNode[][] = [];
    for (const keyword of ['anyOf', 'oneOf']) {
      const members = list(schema, keyword);
      if (keyword === 'oneOf' && members.length > 1) this.widenings++;
      const written = members.map((member) => this.write(member, types));
      const possible = written.filter((node) => !isNever(node));
      const both = intersectTypes(types, toTypeSet(possible.flatMap((node) => [...typesOf(node)])));
      if (both.size === 0) {
        if (members.length > 0) this.widenings++;
        continue;
      }
      types = both;
      const [only] = possible;
      if (possible.length > 1) choices.push(possible);
      else if (only !== undefined) conjuncts.push(only);
    }

    const node = this.#compose(schema, values, types, conjuncts, choices);
    this.#addConditions(node, schema, types);
    if (schema.keywords.has('unevaluatedProperties')) this.#addUnevaluated(node, schema, types, omissions);
    return node;
  }

  /** What `type`, `enum` and `const` together allow; where they contradict each other, what the values say. */
  #ownTypes({ keywords }: SchemaNode, values: readonly unknown[] | undefined): TypeSet | undefined {
    const declared = keywords.has('type') ? toTypeSet([keywords.get('type')].flat() as TypeName[]) : undefined;
    if (values === undefined) return declared;
    const fitting = [...(declared ?? [])].filter((type) => values.some((value) => isOfType(value, type)));
    if (fitting.length > 0) return toTypeSet(fitting);
    if (declared !== undefined) this.widenings++;
    return toTypeSet(values.map(typeOfValue));
  }

  #compose(
    schema: SchemaNode,
    values: readonly unknown[] | undefined,
    types: TypeSet,
    conjuncts: readonly PortableNode[],
    choices: readonly PortableNode[][],
  ): PortableNode {
    const parts = [...types].map((type) => this.#writeType(type, schema, values, types));
    const [part] = parts;
    const isPlain = values === undefined && parts.every((one) => isBare(one, schema.keywords));
    const [choice, ...otherChoices] = choices;

    let node: PortableNode;
    if (part !== undefined && parts.length === 1 && !(isPlain && choice !== undefined && conjuncts.length === 0)) {
      node = part;
      if (choice !== undefined) node.anyOf = choice;
    } else if (isPlain && choice !== undefined) node = { anyOf: choice };
    else if (isPlain) node = conjuncts.length > 0 ? {} : anyNode(types);
    else node = { anyOf: parts, ...(choice === undefined ? {} : { allOf: [{ anyOf: choice }] }) };

    let whole = addAnnotations(node, Object.fromEntries(schema.keywords));
    for (const other of otherChoices) addRest(whole, { anyOf: other });
    for (const conjunct of conjuncts) {
      const isEmpty = whole.type === undefined && whole.anyOf === undefined;
      if (isEmpty) whole = addAnnotations({ ...withoutAnnotations(conjunct), ...whole }, conjunct);
      else addRest(whole, absorb(whole, conjunct, false));
    }
    return whole;
  }

  /** The keywords that apply to one type. */
  #writeType(
    type: TypeName,
    { keywords, references }: SchemaNode,
    values: readonly unknown[] | undefined,
    types: TypeSet,
  ): PortableNode {
    const node: PortableNode = { type };
    if (values !== undefined) {
      if (keywords.has('const') && values.length === 1) node.const = values[0];
      else if (type !== 'null') node.enum = values.filter((value) => isOfType(value, type));
    }
    if (type === 'object') writeObjectKeywords(node, keywords, this);
    else if (type === 'array') writeArrayKeywords(node, keywords, this, references.length > 0);
    else writeScalarKeywords(node, keywords, types);
    return node;
  }

  #addConditions(node: PortableNode, { keywords }: SchemaNode, types: TypeSet): void {
    const read = (keyword: string) => keywords.get(keyword) as Schema | undefined;
    const excluded = read('not');
    if (excluded !== undefined) {
      const not = this.#writeExactly(excluded, types);
      if (not === undefined) this.#omit(node, 'Some values are not allowed; they cannot be described here.');
      // What holds for nothing rules nothing out.
      else if (!isNever(not)) addConditions(node, { not });
    }
    const test = read('if');
    if (test === undefined || !(keywords.has('then') || keywords.has('else'))) return;
    const condition = this.#writeExactly(test, types);
    const branches: PortableNode = {};
    for (const keyword of ['then', 'else'] as const) {
      const branch = read(keyword);
      if (branch !== undefined) branches[keyword] = this.write(branch, types);
    }
    if (condition === undefined) this.#omit(node, 'What else is allowed depends on the value.');
    else addConditions(node, { if: condition, ...branches });
  }

  /** On the whole node: from there it sees every part that names properties. */
  #addUnevaluated(node: PortableNode, { keywords }: SchemaNode, types: TypeSet, omissionsBefore: number): void {
    if (!types.has('object')) return;
    const others = writeOthers('unevaluatedProperties', keywords, this);
    if (this.omissions === omissionsBefore && node.unevaluatedProperties === undefined)
      node.unevaluatedProperties = others;
    else this.#omit(node, 'Properties that are not described may not be allowed.');
  }

  #follow(target: SchemaNode, types: TypeSet): PortableNode {
    const visits = this.#visits.get(target) ?? 0;
    const isTooMuch = this.#nodes > MAX_NODES || this.#level > MAX_UNROLLED_LEVELS;
    if (isTooMuch) this.isOverBudget = true;
    if (isTooMuch || visits >= this.#maxVisits) {
      this.omissions++;
      this.widenings++;
      return openNode(target, types, isTooMuch);
    }
    this.#visits.set(target, visits + 1);
    const node = this.write(target, types);
    this.#visits.set(target, visits);
    return node;
  }

  /** Describes in words what is left out. */
  #omit(node: PortableNode, sentence: string): void {
    this.omissions++;
    this.widenings++;
    addSentence(node, sentence);
  }
}

/** The values of `const` or `enum` that both allow. */
function valuesOf({ keywords }: SchemaNode): readonly unknown[] | undefined {
  const values = keywords.get('enum') as readonly unknown[] | undefined;
  if (!keywords.has('const')) return values;
  const value = keywords.get('const');
  return values === undefined || values.some((item) => JSON.stringify(item) === JSON.stringify(value))
    ? [value]
    : values;
}

/** Replaces a schema that is not unrolled further: its type, if it has one, with everything allowed in it. */
function openNode({ keywords, references }: SchemaNode, allowed: TypeSet, isTooMuch: boolean): PortableNode {
  const isTyped = keywords.has('type') && references.length === 0;
  const declared = toTypeSet(isTyped ? ([keywords.get('type')].flat() as TypeName[]) : allowed);
  const both = intersectTypes(declared, allowed);
  const types = both.size === 0 ? allowed : both;
  const [type] = types;
  const node = types.size === 1 && type !== undefined ? bareNode(type) : anyNode(types);
  if (node.type === 'object') node.additionalProperties = true;
  const text = keywords.get('description') ?? keywords.get('title');
  const words = isTooMuch ? '(too large to describe in full)' : '(nested deeper in the same way)';
  addSentence(node, typeof text === 'string' ? `${text.slice(0, 200)} ${words}` : words);
  return node;
}

function list({ keywords }: SchemaNode, keyword: string): readonly Schema[] {
  return (keywords.get(keyword) as readonly Schema[] | undefined) ?? [];
}
