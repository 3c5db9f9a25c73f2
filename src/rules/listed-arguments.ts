import { foldName } from './argument-values.ts';

type Node = Readonly<Record<string, unknown>>;

/** Keywords that allow further arguments on purpose, or in ways that only a validator knows. */
const OPENING_KEYWORDS =
  '$ref $dynamicRef allOf anyOf oneOf if additionalProperties patternProperties dependentSchemas unevaluatedProperties'.split(
    ' ',
  );

/** The arguments that a tool lists; `undefined` where its schema does not say which there are. */
export function listedArguments(inputSchema: unknown): ReadonlySet<string> | undefined {
  const properties = isNode(inputSchema) ? propertiesOf(inputSchema) : undefined;
  return properties && new Set(Object.keys(properties));
}

/** Whether a tool has an argument, or `a.b` the member of one, as far as its schema says. */
export function hasArgument(inputSchema: unknown, path: string): boolean {
  if (path === '*' || !isNode(inputSchema)) return true;
  const folded = foldName(path);
  const { items, additionalProperties } = inputSchema;
  if (isNode(items)) return hasArgument(items, path);
  const properties = additionalProperties === false ? inputSchema.properties : propertiesOf(inputSchema);
  if (!isNode(properties)) return true;
  return Object.entries(properties).some(([key, member]) => {
    const name = foldName(key);
    return name === folded || (folded.startsWith(`${name}.`) && hasArgument(member, path.slice(key.length + 1)));
  });
}

function propertiesOf(schema: Node): Node | undefined {
  const { properties } = schema;
  if (!isNode(properties) || Object.keys(properties).length === 0) return undefined;
  return OPENING_KEYWORDS.some((keyword) => Object.hasOwn(schema, keyword)) ? undefined : properties;
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
