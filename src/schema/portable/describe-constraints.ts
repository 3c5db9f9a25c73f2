import { isOfType } from '../schema-keywords.ts';
import { addSentence, fixedValues, isUnconstrained, type PortableNode, typesOf } from './portable-node.ts';

const MAX_LISTED_VALUES = 40;
const MAX_CHARACTERS = 400;

/**
 * Says enum, const, default, bounds, pattern and format again in the description of each property, in place, for
 * clients that keep nothing else: once, and only what the text does not say already.
 */
export function describeConstraints(root: PortableNode): void {
  const queue: PortableNode[] = [root];
  for (let node = queue.pop(); node !== undefined; node = queue.pop()) {
    for (const sentence of describeConditions(node)) addSentence(node, sentence);
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
  const sentences = [...describeValues(property, text), ...describeBounds(property, text)];
  const { default: value } = property;
  const isSaid = /default/i.test(text) && says(text, value);
  if (value !== undefined && isPossible(property, value) && !isSaid) sentences.push(`Default: ${toText(value)}.`);
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

function describeValues(node: PortableNode, text: string): readonly string[] {
  const own = valuesOf(node);
  const values = own ?? valuesOfItems(node);
  if (values === undefined || values.every((value) => says(text, value))) return [];
  const isOne = values.length === 1;
  if (own === undefined) return [`Items: ${isOne ? `always ${toText(values[0])}` : `one of ${describeList(values)}`}.`];
  return [isOne ? `Always ${toText(values[0])}.` : `One of: ${describeList(values)}.`];
}

function valuesOfItems(node: PortableNode): readonly unknown[] | undefined {
  const ofLayers = layersOf(node).map(({ items }) => items && valuesOf(items));
  return ofLayers.find((values) => values !== undefined);
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

function describeBounds(node: PortableNode, text: string): readonly string[] {
  const layers = layersOf(node);
  const find = (keyword: string) => layers.map((layer) => layer[keyword]).find((value) => value !== undefined);
  const sentences = bounds.flatMap(([keyword, words]) => {
    const value = find(keyword);
    if (value === undefined || boundless.has(value) || (says(text, value) && speaksOfBounds.test(text))) return [];
    return [`${words}: ${value}.`];
  });
  if (find('uniqueItems') === true && !/uniq|distinct/i.test(text)) sentences.push('Items must be unique.');
  const format = find('format');
  if (typeof format === 'string' && !says(text, format)) sentences.push(`Format: ${format.slice(0, 100)}.`);
  const pattern = find('pattern');
  if (typeof pattern === 'string' && !text.includes(pattern)) sentences.push(`Pattern: ${cut(pattern)}`);
  return sentences;
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

function describeList(values: readonly unknown[]): string {
  const shown: string[] = [];
  let characters = 0;
  for (const value of values) {
    const text = toText(value);
    characters += text.length + 2;
    if (shown.length === MAX_LISTED_VALUES || (characters > MAX_CHARACTERS && shown.length > 0)) break;
    shown.push(text);
  }
  const more = values.length - shown.length;
  return `${shown.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

function toText(value: unknown): string {
  return cut(JSON.stringify(value));
}

function cut(text: string): string {
  return text.length <= MAX_CHARACTERS ? text : `${text.slice(0, MAX_CHARACTERS)}…`;
}

/** An object's conditions in a sentence each, as far as they are simple: "If kind is "a", extra is required." */
function describeConditions(node: PortableNode): readonly string[] {
  const condition = node.if === undefined ? undefined : describeTest(node.if);
  const rules: [when: string, names: readonly string[] | undefined][] = [];
  if (condition !== undefined)
    rules.push([`If ${condition}`, node.then?.required], [`Unless ${condition}`, node.else?.required]);
  for (const [name, names] of Object.entries(node.dependentRequired ?? {})) rules.push([`With ${name}`, names]);
  const sentences = rules.flatMap(([when, names = []]) =>
    names.length === 0 ? [] : [`${when}, ${describeNames(names)} ${names.length === 1 ? 'is' : 'are'} required.`],
  );
  const excluded = isOnly(node.not, ['required']) ? (node.not?.required ?? []) : [];
  if (excluded.length === 1) sentences.push(`${excluded[0]} is not allowed.`);
  if (excluded.length > 1) sentences.push(`Not together: ${describeNames(excluded)}.`);
  return sentences.slice(0, 20);
}

function describeTest(test: PortableNode): string | undefined {
  if (!isOnly(test, ['properties', 'required'])) return undefined;
  const tests = Object.entries(test.properties ?? {}).map(([name, node]) => {
    const values = fixedValues(node);
    if (values === undefined || values.length > 10) return undefined;
    const list = values.map((value) => JSON.stringify(value).slice(0, 60)).join(' or ');
    return `${name} is ${list}`;
  });
  const given = (test.required ?? []).filter((name) => !Object.hasOwn(test.properties ?? {}, name));
  const parts = [...tests, ...given.map((name) => `${name} is given`)];
  return parts.length === 0 || parts.includes(undefined) ? undefined : parts.join(' and ');
}

function describeNames(names: readonly string[]): string {
  const shown = names.slice(0, 10);
  return names.length > 10 ? `${shown.join(', ')} and ${names.length - 10} more` : shown.join(' and ');
}

function isOnly(node: PortableNode | undefined, keywords: readonly string[]): boolean {
  return Object.keys(node ?? {}).every((keyword) => keyword === 'type' || keywords.includes(keyword));
}
