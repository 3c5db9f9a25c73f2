import { absorb, addAnnotations, intersectNodes } from './merge-nodes.ts';
import {
  addSentence,
  anyNode,
  fixedValues,
  isNever,
  nameRecord,
  type PortableNode,
  typesOf,
  unionNode,
} from './portable-node.ts';

const MAX_LISTED_ALTERNATIVES = 12;

/**
 * The arguments of a tool as one object without combinators, as clients read them: the properties of all alternatives
 * side by side, required what every alternative requires; what this loses is described in words. A property that
 * only some alternatives name is published as they name it, though the others leave it open.
 */
export function flattenArguments(node: PortableNode): PortableNode {
  const { allOf, anyOf, ...rest } = node;
  const root: PortableNode = { ...rest, type: 'object', properties: node.properties ?? nameRecord() };
  for (const member of allOf ?? []) {
    // Such a member has a word on every property, so that none is left for the root's own.
    if (member.unevaluatedProperties !== undefined || member.additionalProperties !== undefined)
      delete root.unevaluatedProperties;
    const lost = absorb(root, flattenArguments(member), true);
    if (lost === undefined) continue;
    const { not } = lost;
    if (not !== undefined) root.not = root.not === undefined ? not : { anyOf: [root.not, not] };
    if (Object.keys(lost).some((keyword) => keyword !== 'type' && keyword !== 'not'))
      addSentence(root, 'More conditions apply that cannot be described here.');
  }
  const alternatives = (anyOf ?? []).filter((member) => typesOf(member).has('object')).map(flattenArguments);
  if (alternatives.length > 0) joinAlternatives(root, alternatives);
  return root;
}

function joinAlternatives(root: PortableNode, alternatives: readonly PortableNode[]): void {
  const sentence = toSentence(root, alternatives);
  const variants = new Map<string, PortableNode[]>();
  for (const { properties } of alternatives) {
    for (const [name, variant] of Object.entries(properties ?? {})) {
      if (isNever(variant)) continue;
      const known = variants.get(name);
      if (known === undefined) variants.set(name, [variant]);
      else known.push(variant);
    }
  }
  const properties = root.properties ?? nameRecord();
  for (const [name, ofName] of variants) {
    const own = Object.hasOwn(properties, name) ? properties[name] : undefined;
    // Where an alternative says nothing of it, the root's own word alone counts.
    const others = own !== undefined && ofName.length < alternatives.length ? [anyNode(typesOf(own))] : [];
    const joined = unionNode([...ofName, ...others]);
    properties[name] = own === undefined ? joined : intersectNodes(own, joined);
  }
  root.properties = properties;

  const [first, ...others] = alternatives.map(({ required }) => required ?? []);
  const byAll = (first ?? []).filter((name) => others.every((required) => required.includes(name)));
  const required = [...new Set([...(root.required ?? []), ...byAll])];
  if (required.length > 0) root.required = required;
  if (root.additionalProperties === undefined && alternatives.every((one) => one.additionalProperties === false))
    root.additionalProperties = false;
  // It would count only what is left of the alternatives.
  delete root.unevaluatedProperties;
  if (sentence !== undefined) addSentence(root, sentence);
  for (const alternative of alternatives) {
    const { description: _text, title: _short, ...annotations } = alternative;
    addAnnotations(root, annotations);
  }
}

/** "Give one of: url; or path." */
function toSentence(root: PortableNode, alternatives: readonly PortableNode[]): string | undefined {
  const names = alternatives.map((alternative) => toLabel(alternative, root));
  if (names.every((name) => name === 'nothing more')) return undefined;
  const distinct = [...new Set(names)];
  const shown = distinct.slice(0, MAX_LISTED_ALTERNATIVES);
  const more = distinct.length - shown.length;
  return `Give one of: ${shown.join('; or ')}${more > 0 ? `; or ${more} more` : ''}.`;
}

/** `op "add" with value`: the fixed values that identify the alternative, what it requires, and its description. */
function toLabel({ properties, required = [], description, title }: PortableNode, root: PortableNode): string {
  const tags = Object.entries(properties ?? {}).flatMap(([name, node]) => {
    const values = fixedValues(node);
    return values?.length === 1 ? [[name, `${name} ${JSON.stringify(values[0]).slice(0, 60)}`] as const] : [];
  });
  const tagged = new Set(tags.map(([name]) => name));
  const needed = required.filter((name) => !tagged.has(name) && root.required?.includes(name) !== true);
  const parts = [tags.map(([, tag]) => tag).join(' and '), needed.slice(0, 10).join(' and ')].filter(Boolean);
  const text = description ?? title;
  const about = text === undefined ? '' : ` (${String(text).slice(0, 200).replace(/\.$/, '')})`;
  return `${parts.join(' with ') || 'nothing more'}${about}`;
}
