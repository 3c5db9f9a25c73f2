type Node = Readonly<Record<string, unknown>>;

const TYPES = ['string', 'number', 'integer', 'boolean', 'object', 'array', 'null'];
const FORBIDDEN = [
  ...['$ref', '$dynamicRef', '$recursiveRef', '$defs', 'definitions', '$schema', '$id', 'id', '$anchor'],
  ...['$dynamicAnchor', 'prefixItems', 'additionalItems', 'oneOf', 'nullable'],
];
const COMBINATORS = ['anyOf', 'allOf'];
const SINGLE = ['items', 'not', 'if', 'then', 'else', 'contains', 'propertyNames', 'contentSchema'];
const BY_NAME = ['properties', 'patternProperties', 'dependentSchemas'];
/** Where `true` and `false` are harmless, since no client reads them as a node. */
const FLAGS = ['additionalProperties', 'unevaluatedProperties', 'unevaluatedItems'];

/** What in a published schema breaks the rules of "Portable schemas" in the contract, as `path: fault`. */
export function findPortabilityFaults(
  schema: unknown,
  position: 'arguments' | 'value' = 'arguments',
): readonly string[] {
  const faults: string[] = [];
  judge(schema, '(root)');
  if (isNode(schema) && position === 'arguments') {
    if (schema.type !== 'object') faults.push('(root): is not of type object');
    if (!isNode(schema.properties)) faults.push('(root): has no properties');
    for (const keyword of COMBINATORS) {
      if (schema[keyword] !== undefined) faults.push(`(root): has ${keyword}`);
    }
  }
  return faults;

  function judge(node: unknown, path: string): void {
    const fault = (text: string) => faults.push(`${path}: ${text}`);
    if (!isNode(node)) {
      fault(`is ${JSON.stringify(node)}`);
      return;
    }
    for (const keyword of FORBIDDEN) if (node[keyword] !== undefined) fault(`has ${keyword}`);
    const isTyped = typeof node.type === 'string' && TYPES.includes(node.type);
    const isUnion = node.type === undefined && Array.isArray(node.anyOf) && node.anyOf.length > 0;
    if (!isTyped && !isUnion) fault(`has the type ${JSON.stringify(node.type)} and no anyOf`);
    if (node.required !== undefined && !isListOfNames(node.required)) fault('has required that is no list of names');
    if (node.type === 'array' && node.items === undefined) fault('has no items');

    for (const keyword of SINGLE) if (node[keyword] !== undefined) judge(node[keyword], `${path}/${keyword}`);
    for (const keyword of FLAGS) {
      if (node[keyword] !== undefined && typeof node[keyword] !== 'boolean') judge(node[keyword], `${path}/${keyword}`);
    }
    for (const keyword of COMBINATORS) {
      const members = node[keyword];
      if (members === undefined) continue;
      if (!Array.isArray(members) || members.length === 0) fault(`has an empty ${keyword}`);
      else for (const [index, member] of members.entries()) judge(member, `${path}/${keyword}/${index}`);
    }
    for (const keyword of BY_NAME) {
      const children = node[keyword];
      if (children === undefined) continue;
      if (!isNode(children)) fault(`has ${keyword} that are no object`);
      else for (const [name, child] of Object.entries(children)) judge(child, `${path}/${keyword}/${name}`);
    }
  }
}

function isListOfNames(value: unknown): boolean {
  return Array.isArray(value) && value.every((name) => typeof name === 'string');
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
