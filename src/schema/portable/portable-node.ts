import { isAnnotation, type TypeName } from '../schema-keywords.ts';
import { everyType, type TypeSet, toTypeSet } from './type-set.ts';

/**
 * A schema in portable form while it is being made: one scalar `type`, or an `anyOf` of such nodes. Nodes are made
 * fresh for each place, so they can be completed in place.
 */
export interface PortableNode {
  type?: TypeName;
  description?: string;
  anyOf?: PortableNode[];
  allOf?: PortableNode[];
  not?: PortableNode;
  if?: PortableNode;
  then?: PortableNode;
  else?: PortableNode;
  items?: PortableNode;
  /** Without a prototype: a property may be called `__proto__`. */
  properties?: Record<string, PortableNode>;
  required?: readonly string[];
  dependentRequired?: Record<string, readonly string[]>;
  [keyword: string]: unknown;
}

/** Where any value is allowed, arrays are typed down to arrays in arrays. */
const ARRAYS_IN_ANYTHING = 2;

const unconstrained = new WeakSet<PortableNode>();

/** What holds for every value of the types. */
export function anyNode(types: TypeSet = everyType): PortableNode {
  const node = unionNode([...types].map((type) => bareNode(type)));
  if (types.size === everyType.size) unconstrained.add(node);
  return node;
}

/** True for a node of `anyNode` that nothing but annotations has been added to. */
export function isUnconstrained(node: PortableNode): boolean {
  return unconstrained.has(node) && Object.keys(node).every((keyword) => keyword === 'anyOf' || isAnnotation(keyword));
}

/** Only what constrains. */
export function withoutAnnotations(node: PortableNode): PortableNode {
  return Object.fromEntries(Object.entries(node).filter(([keyword]) => !isAnnotation(keyword)));
}

/** What holds for every value of the type. */
export function bareNode(type: TypeName, arrays = ARRAYS_IN_ANYTHING): PortableNode {
  if (type !== 'array') return { type };
  const members = [...everyType].filter((member) => member !== 'array' || arrays > 1);
  return { type, items: { anyOf: members.map((member) => bareNode(member, arrays - 1)) } };
}

/** What holds for no value. */
export function neverNode(): PortableNode {
  return { type: 'null', not: { type: 'null' } };
}

export function isNever(node: PortableNode): boolean {
  return node.type === 'null' && node.not?.type === 'null';
}

/** What holds where one of the nodes does: without doubles, and without an `anyOf` around a single one. */
export function unionNode(nodes: readonly PortableNode[]): PortableNode {
  const [only] = nodes;
  if (nodes.length === 1 && only !== undefined) return only;
  const distinct = new Map<string, PortableNode>();
  for (const node of nodes.flatMap(unwrap)) {
    const key = JSON.stringify(node);
    if (!isNever(node) && !distinct.has(key)) distinct.set(key, node);
  }
  const members = [...distinct.values()];
  const [first] = members;
  if (first === undefined) return neverNode();
  return members.length === 1 ? first : (toEnum(members) ?? { anyOf: members });
}

function unwrap(node: PortableNode): readonly PortableNode[] {
  return node.anyOf !== undefined && Object.keys(node).length === 1 ? node.anyOf : [node];
}

/** Fixed values of one type, as the tags of alternatives often are, in one list. */
function toEnum(members: readonly PortableNode[]): PortableNode | undefined {
  const type = members[0]?.type;
  const isFixed = (node: PortableNode) =>
    node.type === type && Object.keys(node).every((key) => ['type', 'const', 'enum'].includes(key));
  if (type === undefined || !members.every((node) => isFixed(node) && fixedValues(node) !== undefined))
    return undefined;
  return { type, enum: [...new Set(members.flatMap((node) => fixedValues(node) ?? []))] };
}

/** The values of `const` or `enum`, if the node has one of them. */
export function fixedValues(node: PortableNode): readonly unknown[] | undefined {
  if (Object.hasOwn(node, 'const')) return [node.const];
  return Array.isArray(node.enum) ? node.enum : undefined;
}

/** The types that the node allows. */
export function typesOf(node: PortableNode): TypeSet {
  if (node.type !== undefined) return new Set([node.type]);
  return toTypeSet((node.anyOf ?? []).flatMap((member) => [...typesOf(member)]));
}

/** Adds a sentence to the description, unless it is there already. */
export function addSentence(node: PortableNode, sentence: string): void {
  const { description } = node;
  if (description === undefined || description.trim() === '') node.description = sentence;
  else if (!description.includes(sentence)) {
    const end = /[.!?:;)\]]$/.test(description.trimEnd()) ? '' : '.';
    node.description = `${description.trimEnd()}${end} ${sentence}`;
  }
}

/** A record without a prototype: any name is an entry of its own. */
export function nameRecord<Value>(entries: Iterable<readonly [string, Value]> = []): Record<string, Value> {
  const record = Object.create(null) as Record<string, Value>;
  for (const [name, value] of entries) record[name] = value;
  return record;
}
