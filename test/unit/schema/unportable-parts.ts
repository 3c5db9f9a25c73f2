type Json = Readonly<Record<string, unknown>>;

const scalarTypes: ReadonlySet<unknown> = new Set('string number integer boolean object array null'.split(' '));
const forbidden =
  '$ref $dynamicRef $recursiveRef $defs definitions $schema $id id $anchor $dynamicAnchor prefixItems oneOf nullable additionalItems'.split(
    ' ',
  );
const one = [
  'items',
  'not',
  'if',
  'then',
  'else',
  'contains',
  'propertyNames',
  'additionalProperties',
  'unevaluatedProperties',
];
const many = ['anyOf', 'allOf'];
const named = ['properties', 'patternProperties', 'dependentSchemas'];

/** Everything in a published schema that a client could break on, as `<JSON Pointer>: <what>`. */
export function unportableParts(schema: unknown, path = ''): string[] {
  if (typeof schema !== 'object' || schema === null || Array.isArray(schema)) return [`${path}: no schema object`];
  const node = schema as Json;
  const parts = forbidden.filter((keyword) => keyword in node).map((keyword) => `${path}: has ${keyword}`);
  if (node.type === undefined ? !Array.isArray(node.anyOf) : !scalarTypes.has(node.type))
    parts.push(`${path}: no type`);
  if (node.type === 'array' && node.items === undefined) parts.push(`${path}: no items`);
  for (const keyword of one) {
    const child = node[keyword];
    if (child === undefined || (typeof child === 'boolean' && keyword.endsWith('Properties'))) continue;
    parts.push(...unportableParts(child, `${path}/${keyword}`));
  }
  for (const keyword of many) {
    if (node[keyword] === undefined) continue;
    const members = node[keyword] as readonly unknown[];
    if (members.length === 0) parts.push(`${path}: empty ${keyword}`);
    for (const [index, member] of members.entries())
      parts.push(...unportableParts(member, `${path}/${keyword}/${index}`));
  }
  for (const keyword of named)
    for (const [name, child] of Object.entries(node[keyword] ?? {}))
      parts.push(...unportableParts(child, `${path}/${keyword}/${name}`));
  return parts;
}
