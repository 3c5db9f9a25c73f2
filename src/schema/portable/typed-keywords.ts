import type { Schema } from '../schema.ts';
import type { TypeName } from '../schema-keywords.ts';
import { addSentence, anyNode, isNever, nameRecord, type PortableNode, unionNode } from './portable-node.ts';
import type { TypeSet } from './type-set.ts';

/** What the writers of keywords need of the writer of schemas. */
export interface KeywordWriter {
  /** How often something was written that allows more than its source. */
  widenings: number;
  /** Writes a schema, as far as it allows these types: any, if they are not given. */
  write(schema: Schema, types?: TypeSet): PortableNode;
}

type Keywords = ReadonlyMap<string, unknown>;

const stringKeywords = ['minLength', 'maxLength', 'pattern', 'contentEncoding', 'contentMediaType'];
const numberKeywords = ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf'];
const numberFormats = /^(u?int\d*|float|double|decimal\d*|double-int)$/;
const justString: TypeSet = new Set<TypeName>(['string']);
const justObject: TypeSet = new Set<TypeName>(['object']);

/** The keywords of strings and numbers; of several types, `format` goes to the one that it is about. */
export function writeScalarKeywords(node: PortableNode, keywords: Keywords, types: TypeSet): void {
  const isNumber = node.type === 'number' || node.type === 'integer';
  if (isNumber) copy(numberKeywords, keywords, node);
  if (node.type === 'string') copy(stringKeywords, keywords, node);
  const format = keywords.get('format');
  if (typeof format !== 'string') return;
  const isAbout = numberFormats.test(format) ? isNumber : node.type === 'string';
  if (isAbout || types.size === 1) node.format = format;
}

export function writeObjectKeywords(node: PortableNode, keywords: Keywords, writer: KeywordWriter): void {
  copy(['required', 'minProperties', 'maxProperties'], keywords, node);
  const byName = (keyword: string, types?: TypeSet) => {
    const schemas = keywords.get(keyword) as ReadonlyMap<string, Schema> | undefined;
    if (schemas === undefined) return;
    node[keyword] = nameRecord([...schemas].map(([name, schema]) => [name, writer.write(schema, types)]));
  };
  byName('properties');
  byName('patternProperties');
  byName('dependentSchemas', justObject);
  const names = keywords.get('dependentRequired') as ReadonlyMap<string, readonly string[]> | undefined;
  if (names !== undefined) node.dependentRequired = nameRecord(names);
  const namesSchema = keywords.get('propertyNames') as Schema | undefined;
  if (namesSchema !== undefined) {
    const propertyNames = writer.write(namesSchema, justString);
    if (isNever(propertyNames)) node.maxProperties = 0;
    else node.propertyNames = propertyNames;
  }
  if (keywords.has('additionalProperties'))
    node.additionalProperties = writeOthers('additionalProperties', keywords, writer);
}

/** The properties that are not named: the two keywords that clients know with a boolean. */
export function writeOthers(
  keyword: 'additionalProperties' | 'unevaluatedProperties',
  keywords: Keywords,
  writer: KeywordWriter,
): boolean | PortableNode {
  const schema = keywords.get(keyword) as Schema;
  if (typeof schema === 'boolean') return schema;
  const isEmpty = schema.keywords.size === 0 && schema.references.length === 0;
  return isEmpty ? true : writer.write(schema);
}

export function writeArrayKeywords(
  node: PortableNode,
  keywords: Keywords,
  writer: KeywordWriter,
  hasReferences: boolean,
): void {
  copy(['minItems', 'maxItems', 'uniqueItems'], keywords, node);
  const others = ['allOf', 'anyOf', 'oneOf', 'if', 'contains', 'dependentSchemas', 'not'];
  const isAlone = !hasReferences && !others.some((keyword) => keywords.has(keyword));
  const read = (keyword: string) => keywords.get(keyword) as Schema | undefined;
  const [items, unevaluated] = [read('items'), read('unevaluatedItems')];
  // Nothing else looks at the items, so the unevaluated ones are the rest.
  const rest = items ?? (isAlone ? unevaluated : undefined) ?? true;
  if (unevaluated !== undefined && unevaluated !== true && items === undefined && !isAlone) {
    writer.widenings++;
    addSentence(node, 'Items that are not described may not be allowed.');
  }

  const members = keywords.get('prefixItems') as readonly Schema[] | undefined;
  if (members === undefined) writeList(node, rest, writer);
  else writeTuple(node, members, rest, writer);

  const contained = read('contains');
  if (contained === undefined) return;
  const before = writer.widenings;
  node.contains = writer.write(contained);
  const isExact = writer.widenings === before;
  copy(['minContains'], keywords, node);
  if (isExact) copy(['maxContains'], keywords, node);
  else if (keywords.has('maxContains')) {
    addSentence(node, `At most ${keywords.get('maxContains')} of the items may be of one kind.`);
  }
}

function writeList(node: PortableNode, items: Schema, writer: KeywordWriter): void {
  const written = writer.write(items);
  if (isNever(written)) node.maxItems = 0;
  node.items = isNever(written) ? anyNode() : written;
}

/** Allows any of the members at any position, with the length as bounds; the order is described in words. */
function writeTuple(node: PortableNode, members: readonly Schema[], rest: Schema, writer: KeywordWriter): void {
  const written = members.map((member) => writer.write(member));
  const isClosed = rest === false || Number(node.maxItems ?? Number.POSITIVE_INFINITY) <= members.length;
  const others = isClosed ? [] : [writer.write(rest)];
  const items = unionNode([...written, ...others]);
  if (rest === false) node.maxItems = Math.min(Number(node.maxItems ?? members.length), members.length);
  node.items = isNever(items) ? anyNode() : items;
  writer.widenings++;
  const first = written.slice(0, 20).map(toName).join(', ');
  const more = members.length > 20 ? ', …' : '';
  addSentence(node, `Items in this order: ${first}${more}${isClosed ? '' : ', then others'}.`);
}

function toName(node: PortableNode): string {
  const { title, description, type, anyOf } = node;
  const label = [title, description].find((text) => typeof text === 'string' && text.length > 0 && text.length <= 40);
  const types = anyOf?.map((member) => member.type);
  if (type === undefined && (anyOf === undefined || anyOf.length > 3)) return String(label ?? 'any value');
  const name = type ?? [...new Set(types)].join(' or ');
  return label === undefined ? name : `${String(label).replace(/\.$/, '')} (${name})`;
}

function copy(names: readonly string[], keywords: Keywords, node: PortableNode): void {
  for (const name of names) if (keywords.has(name)) node[name] = keywords.get(name);
}

/** Whether no keyword says anything about the type but the type itself; arrays always have `items`. */
export function isBare(node: PortableNode, keywords: Keywords): boolean {
  const isOfAnything = !itemKeywords.some((keyword) => keywords.has(keyword));
  return Object.keys(node).every((key) => key === 'type' || (key === 'items' && isOfAnything));
}

const itemKeywords = ['items', 'prefixItems', 'unevaluatedItems'];
