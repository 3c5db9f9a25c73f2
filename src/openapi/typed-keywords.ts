import { addSentence, anyNode, isNever, nameRecord, type PortableNode, unionNode } from './portable-node.ts';
import { escapeSegment } from './schema-index.ts';
import type { TypeName } from './schema-keywords.ts';
import type { ChildWriter, Place } from './schema-place.ts';
import type { TypeSet } from './type-set.ts';

type Constraints = ReadonlyMap<string, unknown>;

const stringKeywords = ['minLength', 'maxLength', 'pattern', 'contentEncoding', 'contentMediaType'];
const numberKeywords = ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf'];
const numberFormats = /^(u?int\d*|float|double|decimal\d*|double-int)$/;
const justString: TypeSet = new Set<TypeName>(['string']);
const justObject: TypeSet = new Set<TypeName>(['object']);

/** The keywords of strings and numbers; of several types, `format` goes to the one that it is about. */
export function writeScalarKeywords(node: PortableNode, constraints: Constraints, types: TypeSet): void {
  const isNumber = node.type === 'number' || node.type === 'integer';
  if (isNumber) copy(numberKeywords, constraints, node);
  if (node.type === 'string') copy(stringKeywords, constraints, node);
  const format = constraints.get('format');
  if (typeof format !== 'string') return;
  const isAbout = numberFormats.test(format) ? isNumber : node.type === 'string';
  if (isAbout || types.size === 1) node.format = format;
}

export function writeObjectKeywords(
  node: PortableNode,
  constraints: Constraints,
  place: Place,
  writer: ChildWriter,
): void {
  copy(['required', 'minProperties', 'maxProperties'], constraints, node);
  const byName = (keyword: string, types?: TypeSet) => {
    const sources = constraints.get(keyword) as ReadonlyMap<string, unknown> | undefined;
    if (sources === undefined) return;
    node[keyword] = nameRecord(
      [...sources].map(([name, source]) => [
        name,
        writer.writeChild(source, `${keyword}/${escapeSegment(name)}`, place, types),
      ]),
    );
  };
  byName('properties');
  byName('patternProperties');
  byName('dependentSchemas', justObject);
  const names = constraints.get('dependentRequired') as ReadonlyMap<string, readonly string[]> | undefined;
  if (names !== undefined) node.dependentRequired = nameRecord(names);
  if (constraints.has('propertyNames')) {
    const propertyNames = writer.writeChild(constraints.get('propertyNames'), 'propertyNames', place, justString);
    if (isNever(propertyNames)) node.maxProperties = 0;
    else node.propertyNames = propertyNames;
  }
  if (constraints.has('additionalProperties'))
    node.additionalProperties = writeOthers('additionalProperties', constraints, place, writer);
}

/** The properties that are not named: the two keywords that clients know with a boolean. */
export function writeOthers(
  keyword: 'additionalProperties' | 'unevaluatedProperties',
  constraints: Constraints,
  place: Place,
  writer: ChildWriter,
): boolean | PortableNode {
  const source = constraints.get(keyword);
  if (typeof source === 'boolean' || isEmpty(source)) return source !== false;
  return writer.writeChild(source, keyword, place);
}

export function writeArrayKeywords(
  node: PortableNode,
  constraints: Constraints,
  place: Place,
  writer: ChildWriter,
): void {
  copy(['minItems', 'maxItems', 'uniqueItems'], constraints, node);
  const isAlone = !['$ref', 'allOf', 'anyOf', 'oneOf', 'if', 'contains', 'dependentSchemas', 'not'].some((keyword) =>
    constraints.has(keyword),
  );
  const unevaluated = constraints.get('unevaluatedItems');
  // Nothing else looks at the items, so the unevaluated ones are the rest.
  const rest = constraints.has('items') ? constraints.get('items') : isAlone ? (unevaluated ?? true) : true;
  const hasOtherItems = unevaluated !== undefined && unevaluated !== true && !constraints.has('items') && !isAlone;
  if (hasOtherItems) {
    writer.widenings++;
    addSentence(node, 'Items that are not described may not be allowed.');
  }

  const members = constraints.get('prefixItems') as readonly unknown[] | undefined;
  if (members === undefined) writeList(node, rest, place, writer);
  else writeTuple(node, members, rest, place, writer);

  if (!constraints.has('contains')) return;
  const before = writer.widenings;
  const contains = writer.writeChild(constraints.get('contains'), 'contains', place);
  const isExact = writer.widenings === before;
  node.contains = contains;
  copy(['minContains'], constraints, node);
  if (isExact) copy(['maxContains'], constraints, node);
  else if (constraints.has('maxContains')) {
    addSentence(node, `At most ${constraints.get('maxContains')} of the items may be of one kind.`);
  }
}

function writeList(node: PortableNode, items: unknown, place: Place, writer: ChildWriter): void {
  const written = writer.writeChild(items, 'items', place);
  if (isNever(written)) node.maxItems = 0;
  node.items = isNever(written) ? anyNode() : written;
}

/** Any of the members at any position, as many as there may be; the order is told in words. */
function writeTuple(
  node: PortableNode,
  members: readonly unknown[],
  rest: unknown,
  place: Place,
  writer: ChildWriter,
): void {
  const written = members.map((member, index) => writer.writeChild(member, `prefixItems/${index}`, place));
  const isClosed = rest === false || Number(node.maxItems ?? Number.POSITIVE_INFINITY) <= members.length;
  const others = isClosed ? [] : [writer.writeChild(rest, 'items', place)];
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

function copy(keywords: readonly string[], constraints: Constraints, node: PortableNode): void {
  for (const keyword of keywords) if (constraints.has(keyword)) node[keyword] = constraints.get(keyword);
}

function isEmpty(source: unknown): boolean {
  return typeof source === 'object' && source !== null && Object.keys(source).length === 0;
}

/** Whether no keyword says anything about the type but the type itself; arrays always have `items`. */
export function isBare(node: PortableNode, constraints: Constraints): boolean {
  const isOfAnything = !itemKeywords.some((keyword) => constraints.has(keyword));
  return Object.keys(node).every((key) => key === 'type' || (key === 'items' && isOfAnything));
}

const itemKeywords = ['items', 'prefixItems', 'unevaluatedItems'];
