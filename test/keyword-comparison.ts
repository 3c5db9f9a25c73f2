/** What one keyword says at one place of a schema; a list such as `enum` or `required` is one statement of several values. */
interface Statement {
  /** Property names and the like from the root, with alternatives (`anyOf`, `oneOf`, `allOf`) at the path of their node. */
  readonly path: string;
  readonly keyword: string;
  /** JSON texts; the trimmed text itself for a title or description. */
  readonly values: readonly string[];
  /** Under `anyOf`, `oneOf`, `then` or `else`: it need not hold for every value. */
  readonly isAlternative: boolean;
}

export interface KeywordComparison {
  readonly total: number;
  /** `path keyword values` of each statement that `published` does not make. */
  readonly lost: readonly string[];
}

type Node = Readonly<Record<string, unknown>>;

const ANNOTATIONS = ['title', 'description', 'default', 'examples'];
const PLAIN = [
  ...ANNOTATIONS,
  ...['format', 'pattern', 'contentEncoding', 'contentMediaType', 'const', 'deprecated', 'readOnly', 'writeOnly'],
  ...['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf', 'minLength', 'maxLength'],
  ...['minItems', 'maxItems', 'uniqueItems', 'minContains', 'maxContains', 'minProperties', 'maxProperties'],
];
const LISTS = ['enum', 'required'];
const ALTERNATIVES = ['anyOf', 'oneOf', 'allOf'];
const SINGLE = ['not', 'if', 'then', 'else', 'contains', 'propertyNames', 'contentSchema'];
const SINGLE_OR_FLAG = ['additionalProperties', 'unevaluatedProperties', 'unevaluatedItems'];
const BY_NAME = ['properties', 'patternProperties', 'dependentSchemas'];
const TYPES = ['string', 'number', 'integer', 'boolean', 'object', 'array', 'null'];

/** How often the target of a circular `$ref` is entered on one way down; the compiler promises as many levels. */
const LEVELS_OF_A_CIRCLE = 3;

/**
 * Compares path by path what two schemas say, both with their local references resolved, and tells what the first says
 * and the second does not. A statement that holds only in an alternative of the root, where `published` can have none,
 * counts as kept if the descriptions there or in `described` name its values.
 */
export function compareKeywords(
  original: unknown,
  published: unknown,
  { publishedRoot = published, described = '' }: { publishedRoot?: unknown; described?: string } = {},
): KeywordComparison {
  const said = new Map<string, Set<string>>();
  for (const { path, keyword, values } of readStatements(published, publishedRoot)) {
    const key = JSON.stringify([path, keyword]);
    said.set(key, new Set([...(said.get(key) ?? []), ...values]));
  }
  const saidAt = (path: string, keyword: string) => said.get(JSON.stringify([path, keyword])) ?? new Set<string>();
  const descriptionsAt = (path: string) => [...saidAt(path, 'description')].join('\n');
  const isKept = ({ path, keyword, values, isAlternative }: Statement) => {
    if (keyword === 'description') return values.every((text) => descriptionsAt(path).includes(text));
    if (keyword === 'false' && saidAt(`${path}/not`, 'type').size > 0) return true;
    // Fixed values of several alternatives may become one list.
    const found = new Set([...saidAt(path, keyword), ...(keyword === 'const' ? saidAt(path, 'enum') : [])]);
    // The type says as much.
    if (/^(enum|const)$/.test(keyword) && saidAt(path, 'type').has('"null"')) found.add('null');
    if (values.every((value) => found.has(value))) return true;
    const isConditional = isAlternative || /(^|\/)(if|then|else|not|dependent)/.test(`${path}/${keyword}`);
    if (!isConditional || !/^((if|then|else|not)(\/.*)?)?$/.test(path)) return false;
    const text = `${descriptionsAt('')}\n${described}`;
    return values.every((value) => text.includes(value.replaceAll(/^"|"$/g, '')));
  };
  const statements = readStatements(original);
  const lost = statements.filter((statement) => !isKept(statement));
  return {
    total: statements.length,
    lost: lost.map(({ path, keyword, values }) => `${path || '(root)'} ${keyword} ${values.join(' ')}`),
  };
}

/** Every statement of a schema, 2020-12 or draft-07; parts that are no JSON Schema, such as `required: null`, make none. */
function readStatements(schema: unknown, root: unknown = schema): readonly Statement[] {
  const statements: Statement[] = [];
  walk(schema, '', false, [root]);
  return statements;

  function walk(node: unknown, path: string, isAlternative: boolean, entered: readonly unknown[]): void {
    const say = (keyword: string, values: readonly string[]) =>
      statements.push({ path, keyword, values, isAlternative });
    if (node === false) say('false', ['false']);
    if (!isNode(node)) return;
    const down = (child: unknown, step: string) => walk(child, path === '' ? step : `${path}/${step}`, false, entered);

    for (const keyword of ['$ref', '$dynamicRef']) {
      const target = typeof node[keyword] === 'string' ? findTarget(root, node[keyword]) : undefined;
      if (!isNode(target) || entered.filter((other) => other === target).length >= LEVELS_OF_A_CIRCLE) continue;
      // What stands beside the reference is nearer to the reader than what the target says for everyone.
      const inherited = Object.entries(target).filter(
        ([key]) => !ANNOTATIONS.includes(key) || !Object.hasOwn(node, key),
      );
      walk(Object.fromEntries(inherited), path, isAlternative, [...entered, target]);
    }

    const types = [node.type, node.nullable === true ? 'null' : undefined].flat().filter(isTypeName);
    if (types.length > 0) say('type', types.map(toValue));
    for (const keyword of PLAIN) {
      const value = node[keyword];
      if (value === undefined || (typeof value === 'boolean' && /^exclusive/.test(keyword))) continue;
      if (/^(minimum|maximum)$/.test(keyword) && node[toExclusive(keyword)] === true)
        say(toExclusive(keyword), [toValue(value)]);
      else say(keyword, [/^(title|description)$/.test(keyword) ? String(value).trim() : toValue(value)]);
    }
    for (const keyword of LISTS) {
      const values = node[keyword];
      if (Array.isArray(values) && values.length > 0) say(keyword, values.map(toValue));
    }
    for (const keyword of ALTERNATIVES) {
      for (const child of asList(node[keyword])) walk(child, path, isAlternative || keyword !== 'allOf', entered);
    }
    for (const keyword of SINGLE) if (node[keyword] !== undefined) down(node[keyword], keyword);
    for (const keyword of SINGLE_OR_FLAG) {
      const value = node[keyword];
      if (typeof value === 'boolean') say(keyword, [toValue(value)]);
      else if (isNode(value)) down(value, keyword);
    }
    for (const keyword of BY_NAME) {
      for (const [name, child] of entriesOf(node[keyword])) down(child, `${keyword}/${toStep(name)}`);
    }
    for (const [name, needed] of [...entriesOf(node.dependentRequired), ...entriesOf(node.dependencies)]) {
      if (Array.isArray(needed)) say(`dependentRequired/${toStep(name)}`, needed.map(toValue));
      else down(needed, `dependentSchemas/${toStep(name)}`);
    }
    readItems(node, down, say);
  }
}

/** A tuple's members are alternatives of the items, and one that is closed has a greatest length. */
function readItems(
  node: Node,
  down: (child: unknown, step: string) => void,
  say: (keyword: string, values: readonly string[]) => void,
): void {
  const isOldTuple = Array.isArray(node.items);
  const members = asList(isOldTuple ? node.items : node.prefixItems);
  for (const member of members) down(member, 'items');
  const rest = isOldTuple ? node.additionalItems : node.items;
  if (rest !== false) down(rest, 'items');
  else if (node.maxItems === undefined) say('maxItems', [toValue(members.length)]);
}

/** A JSON Pointer (RFC 6901) or `$anchor` of the same document; anything else is not found. */
function findTarget(root: unknown, reference: string): unknown {
  if (!reference.startsWith('#')) return undefined;
  const fragment = decodeURIComponent(reference.slice(1));
  if (fragment !== '' && !fragment.startsWith('/')) return findAnchor(root, fragment);
  let node: unknown = root;
  for (const step of fragment.split('/').slice(1)) {
    const key = step.replaceAll('~1', '/').replaceAll('~0', '~');
    node = typeof node === 'object' && node !== null && Object.hasOwn(node, key) ? (node as Node)[key] : undefined;
  }
  return node;
}

function findAnchor(node: unknown, name: string): unknown {
  if (typeof node !== 'object' || node === null) return undefined;
  if (isNode(node) && (node.$anchor === name || node.$dynamicAnchor === name || node.$id === `#${name}`)) return node;
  for (const child of Object.values(node)) {
    const found = findAnchor(child, name);
    if (found !== undefined) return found;
  }
  return undefined;
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isTypeName(value: unknown): value is string {
  return typeof value === 'string' && TYPES.includes(value);
}

function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function entriesOf(value: unknown): readonly (readonly [string, unknown])[] {
  return isNode(value) ? Object.entries(value) : [];
}

function toExclusive(bound: string): string {
  return bound === 'minimum' ? 'exclusiveMinimum' : 'exclusiveMaximum';
}

function toStep(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1');
}

function toValue(value: unknown): string {
  return JSON.stringify(value);
}
