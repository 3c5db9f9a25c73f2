import { addSentence, fixedValues, isUnconstrained, type PortableNode, typesOf } from './portable-node.ts';
import { isOfType } from './schema-keywords.ts';
import { tellConditions } from './tell-conditions.ts';

const MAX_TOLD_VALUES = 40;
const MAX_TOLD_CHARACTERS = 400;

/**
 * Says enum, const, default, bounds, pattern and format again in the description of each property, in place, for
 * clients that keep nothing else: once, and only what the text does not say already.
 */
export function describeConstraints(root: PortableNode): void {
  const queue: PortableNode[] = [root];
  for (let node = queue.pop(); node !== undefined; node = queue.pop()) {
    for (const sentence of tellConditions(node)) addSentence(node, sentence);
    for (const property of Object.values(node.properties ?? {})) {
      describe(property);
      queue.push(property);
    }
    const { items, additionalProperties } = node;
    if (items !== undefined) queue.push(items);
    if (typeof additionalProperties === 'object') queue.push(additionalProperties as PortableNode);
    queue.push(...(node.anyOf ?? []), ...(node.allOf ?? []));
  }
}

function describe(property: PortableNode): void {
  if (isUnconstrained(property) && property.default === undefined) return;
  const text = property.description ?? '';
  const sentences = [...tellValues(property, text), ...tellBounds(property, text)];
  const { default: value } = property;
  if (value !== undefined && isPossible(property, value) && !saysDefault(text, value))
    sentences.push(`Default: ${cut(toText(value))}.`);
  if (sentences.length > 0) addSentence(property, sentences.join(' '));
}

/** A default of another type than the property's would mislead a model into giving it. */
function isPossible(property: PortableNode, value: unknown): boolean {
  return [...typesOf(property)].some((type) => isOfType(value, type));
}

/** The node itself, its only alternative beside null, and what is merged beside them. */
function layersOf(node: PortableNode): readonly PortableNode[] {
  const real = (node.anyOf ?? []).filter((member) => member.type !== 'null');
  const [only] = real;
  const inner = real.length === 1 && only !== undefined ? layersOf(only) : [];
  return [node, ...inner, ...(node.allOf ?? []).flatMap(layersOf)];
}

function tellValues(node: PortableNode, text: string): readonly string[] {
  const own = valuesOf(node);
  if (own !== undefined) {
    if (own.every((value) => says(text, value))) return [];
    return [own.length === 1 ? `Always ${cut(toText(own[0]))}.` : `One of: ${tellList(own)}.`];
  }
  const inItems = layersOf(node)
    .map(({ items }) => items && valuesOf(items))
    .find((values) => values !== undefined);
  if (inItems === undefined || inItems.every((value) => says(text, value))) return [];
  return [`Items: ${inItems.length === 1 ? `always ${cut(toText(inItems[0]))}` : `one of ${tellList(inItems)}`}.`];
}

/** All values that are possible, if they are counted: of the node, or of every alternative together. */
function valuesOf(node: PortableNode): readonly unknown[] | undefined {
  const fixed = fixedValues(node);
  if (fixed !== undefined) return fixed;
  if (node.anyOf === undefined) return undefined;
  const values: unknown[] = [];
  for (const member of node.anyOf) {
    const ofMember = member.type === 'null' ? [null] : valuesOf(member);
    if (ofMember === undefined) return undefined;
    values.push(...ofMember);
  }
  return values;
}

const bounds: readonly (readonly [string, string])[] = [
  ['minimum', 'Minimum'],
  ['exclusiveMinimum', 'More than'],
  ['maximum', 'Maximum'],
  ['exclusiveMaximum', 'Less than'],
  ['multipleOf', 'Multiple of'],
  ['minLength', 'Minimum length'],
  ['maxLength', 'Maximum length'],
  ['minItems', 'Minimum items'],
  ['maxItems', 'Maximum items'],
  ['minProperties', 'Minimum entries'],
  ['maxProperties', 'Maximum entries'],
];
/** JavaScript's safe integers: what generators write where nothing was meant. */
const boundless: ReadonlySet<unknown> = new Set([Number.MAX_SAFE_INTEGER, -Number.MAX_SAFE_INTEGER]);

function tellBounds(node: PortableNode, text: string): readonly string[] {
  const layers = layersOf(node);
  const find = (keyword: string) => layers.map((layer) => layer[keyword]).find((value) => value !== undefined);
  const told = bounds.flatMap(([keyword, words]) => {
    const value = find(keyword);
    if (value === undefined || boundless.has(value) || (says(text, value) && speaksOfBounds.test(text))) return [];
    return [`${words}: ${value}.`];
  });
  if (find('uniqueItems') === true && !/uniq|distinct/i.test(text)) told.push('No item twice.');
  const format = find('format');
  if (typeof format === 'string' && !says(text, format)) told.push(`Format: ${format.slice(0, 100)}.`);
  const pattern = find('pattern');
  if (typeof pattern === 'string' && !text.includes(pattern)) told.push(`Pattern: ${cut(pattern)}`);
  return told;
}

const speaksOfBounds = /\b(min|max|at least|at most|up to|between|limit|more|less|range|characters?|items?)|[-–]\s?\d/i;

/** Whether the text holds the value as a word. */
function says(text: string, value: unknown): boolean {
  const word = typeof value === 'string' ? value : JSON.stringify(value);
  if (word === '' || word === undefined) return false;
  for (let at = text.indexOf(word); at !== -1; at = text.indexOf(word, at + 1)) {
    const [before = ' ', after = ' '] = [text[at - 1], text[at + word.length]];
    const next = text[at + word.length + 1] ?? ' ';
    const isNumberGoingOn = after === '.' && /\d/.test(next);
    if (!/[\p{L}\p{N}_]/u.test(before) && !/[\p{L}\p{N}_]/u.test(after) && !isNumberGoingOn) return true;
  }
  return false;
}

function saysDefault(text: string, value: unknown): boolean {
  return /default/i.test(text) && says(text, value);
}

function tellList(values: readonly unknown[]): string {
  const shown: string[] = [];
  let characters = 0;
  for (const value of values) {
    const text = cut(toText(value));
    characters += text.length + 2;
    if (shown.length === MAX_TOLD_VALUES || (characters > MAX_TOLD_CHARACTERS && shown.length > 0)) break;
    shown.push(text);
  }
  const more = values.length - shown.length;
  return `${shown.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

function toText(value: unknown): string {
  return JSON.stringify(value) ?? '';
}

function cut(text: string): string {
  return text.length <= MAX_TOLD_CHARACTERS ? text : `${text.slice(0, MAX_TOLD_CHARACTERS)}…`;
}
