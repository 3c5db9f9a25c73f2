import { isAnnotation, type TypeName } from '../schema-keywords.ts';
import {
  addSentence,
  anyNode,
  isUnconstrained,
  nameRecord,
  type PortableNode,
  typesOf,
  withoutAnnotations,
} from './portable-node.ts';
import { intersectTypes } from './type-set.ts';

/** Keywords whose meaning depends on each other. */
const groups: readonly (readonly string[])[] = [
  ['properties', 'patternProperties', 'additionalProperties'],
  ['if', 'then', 'else'],
  ['contains', 'minContains', 'maxContains'],
];
const lowerBounds: ReadonlySet<string> = new Set(
  'minimum exclusiveMinimum minLength minItems minProperties'.split(' '),
);
const upperBounds: ReadonlySet<string> = new Set(
  'maximum exclusiveMaximum maxLength maxItems maxProperties'.split(' '),
);

/** A node for what both allow; both are used up. */
export function intersectNodes(one: PortableNode, other: PortableNode): PortableNode {
  if (isUnconstrained(one)) return addAnnotations(other, one);
  if (isUnconstrained(other)) return addAnnotations(one, other);
  // What has a type goes in front, so that the result has one.
  const [target, extra] = one.type === undefined && other.type !== undefined ? [other, one] : [one, other];
  addRest(target, absorb(target, extra, false));
  return target;
}

/** Keeps what could not be merged beside the rest, in an `allOf`. */
export function addRest(target: PortableNode, rest: PortableNode | undefined): void {
  if (rest !== undefined) target.allOf = [...(target.allOf ?? []), rest];
}

/** Adds the annotations that are not there yet; a description is joined to the one there. */
export function addAnnotations(target: PortableNode, source: Readonly<Record<string, unknown>>): PortableNode {
  for (const [keyword, value] of Object.entries(source)) {
    if (!isAnnotation(keyword)) continue;
    if (keyword === 'description' && typeof value === 'string') {
      // The joined text was not written here: it may be empty or already part of the other.
      if (value.trim() !== '') addSentence(target, value);
    } else if (target[keyword] === undefined) target[keyword] = value;
  }
  return target;
}

/**
 * Adds to `target` what `extra` demands, and returns the part of it that can't be added, still typed. `isLoose`: maps
 * of properties are joined even where additional ones are ruled out, which allows more than both do.
 */
export function absorb(target: PortableNode, added: PortableNode, isLoose: boolean): PortableNode | undefined {
  const extra = chooseAlternatives(added, target.type);
  const isSameKind = target.type === extra.type || (isNumeric(target.type) && isNumeric(extra.type));
  if (!isSameKind && extra.type !== undefined) return extra;
  // It would see what the target names as well.
  if (!isLoose && extra.unevaluatedProperties !== undefined) return extra;
  if (target.type === undefined && target.anyOf !== undefined && Object.keys(extra).some(isConstraint)) return extra;

  addAnnotations(target, extra);
  if (extra.type === 'integer') target.type = 'integer';
  const rest: PortableNode = {};
  const done = new Set<string>(['type']);
  for (const keyword of Object.keys(extra)) {
    if (done.has(keyword) || isAnnotation(keyword)) continue;
    const group = groups.find((names) => names.includes(keyword)) ?? [keyword];
    for (const name of group) done.add(name);
    if (absorbGroup(target, extra, group, isLoose)) continue;
    for (const name of group) if (extra[name] !== undefined) rest[name] = extra[name];
  }
  if (Object.keys(rest).length === 0) return undefined;
  if (extra.type !== undefined) rest.type = extra.type;
  if (rest.type === 'array' && rest.items === undefined) rest.items = anyNode();
  return rest;
}

/** Only the alternatives that are possible for the type. */
function chooseAlternatives(node: PortableNode, type: TypeName | undefined): PortableNode {
  if (type === undefined || node.type !== undefined || node.anyOf === undefined) return node;
  const allowed = new Set([type]);
  const possible = node.anyOf.filter((member) => intersectTypes(typesOf(member), allowed).size > 0);
  const [only] = possible;
  if (only === undefined || possible.length === node.anyOf.length) return node;
  const { anyOf: _all, ...rest } = node;
  if (possible.length > 1) return { ...rest, anyOf: possible };
  return Object.keys(rest).every(isAnnotation) ? addAnnotations({ ...withoutAnnotations(only), ...rest }, only) : node;
}

function isConstraint(keyword: string): boolean {
  return !isAnnotation(keyword);
}

function isNumeric(type: TypeName | undefined): boolean {
  return type === 'integer' || type === 'number';
}

function absorbGroup(target: PortableNode, extra: PortableNode, group: readonly string[], isLoose: boolean): boolean {
  if (group.every((name) => target[name] === undefined)) {
    for (const name of group) if (extra[name] !== undefined) target[name] = extra[name];
    return true;
  }
  const [first = ''] = group;
  if (first === 'properties') return absorbProperties(target, extra, isLoose);
  return group.length === 1 && absorbKeyword(target, first, extra[first]);
}

function absorbKeyword(target: PortableNode, keyword: string, value: unknown): boolean {
  const own = target[keyword];
  if (lowerBounds.has(keyword)) target[keyword] = Math.max(Number(own), Number(value));
  else if (upperBounds.has(keyword)) target[keyword] = Math.min(Number(own), Number(value));
  else if (keyword === 'required') target.required = [...new Set([...(own as string[]), ...(value as string[])])];
  else if (keyword === 'allOf') target.allOf = [...(own as PortableNode[]), ...(value as PortableNode[])];
  else if (keyword === 'items') target.items = intersectNodes(own as PortableNode, value as PortableNode);
  else if (keyword === 'uniqueItems') target.uniqueItems = own === true || value === true;
  else if (keyword === 'enum') return absorbEnum(target, own as unknown[], value as unknown[]);
  else return JSON.stringify(own) === JSON.stringify(value);
  return true;
}

function absorbEnum(target: PortableNode, own: readonly unknown[], other: readonly unknown[]): boolean {
  const texts = new Set(other.map((value) => JSON.stringify(value)));
  const both = own.filter((value) => texts.has(JSON.stringify(value)));
  if (both.length > 0) target.enum = both;
  return both.length > 0;
}

function absorbProperties(target: PortableNode, extra: PortableNode, isLoose: boolean): boolean {
  if (!isLoose && !isOpen(target, extra)) return false;
  // In place: a schema may merge thousands of members into one node.
  target.properties = mergeInto(target.properties, extra.properties);
  if (target.patternProperties !== undefined || extra.patternProperties !== undefined)
    target.patternProperties = mergeInto(
      target.patternProperties as PortableNode['properties'],
      extra.patternProperties as PortableNode['properties'],
    );
  if (target.additionalProperties === undefined || target.additionalProperties === true) {
    if (extra.additionalProperties !== undefined) target.additionalProperties = extra.additionalProperties;
  }
  return true;
}

/** Whether neither node constrains a name that only the other one describes. */
function isOpen(target: PortableNode, extra: PortableNode): boolean {
  const isFree = (node: PortableNode, other: PortableNode) =>
    node.additionalProperties === undefined ||
    node.additionalProperties === true ||
    (other.patternProperties === undefined &&
      Object.keys(other.properties ?? {}).every((name) => Object.hasOwn(node.properties ?? {}, name)) &&
      // Two schemas for the rest cannot become one entry.
      (other.additionalProperties === undefined || typeof other.additionalProperties === 'boolean') &&
      node.additionalProperties === false);
  return isFree(target, extra) && isFree(extra, target);
}

function mergeInto(
  target: PortableNode['properties'],
  extra: PortableNode['properties'],
): Record<string, PortableNode> {
  const merged = target ?? nameRecord<PortableNode>();
  for (const [name, node] of Object.entries(extra ?? {})) {
    const own = Object.hasOwn(merged, name) ? merged[name] : undefined;
    merged[name] = own === undefined ? node : intersectNodes(own, node);
  }
  return merged;
}

/** Sets the conditions on the node, or beside it if the node has some already. */
export function addConditions(node: PortableNode, conditions: PortableNode): void {
  if (Object.keys(conditions).every((keyword) => node[keyword] === undefined)) Object.assign(node, conditions);
  else addRest(node, { ...anyNode(typesOf(node)), ...conditions });
}
