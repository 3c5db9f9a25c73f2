import { z } from 'zod';
import { type JsonSchema, serversFileSchema } from '../src/cli/schema.ts';
import { secretSchema } from '../src/config/secret-variables.ts';
import { valueSchema } from '../src/config/value-variables.ts';

/** A row of a table: a key or variable, what may be there, what holds without it, and one sentence. */
export interface Row {
  readonly name: string;
  readonly type: string;
  readonly default: string;
  readonly description: string;
}

/** Set by the image, and read for its default: not for admins. */
const INTERNAL = new Set(['MCPO_DEFAULT_DATA_DIR', 'XDG_DATA_HOME']);

/** The tables of docs/configuration.md, by the names of their places there. */
function configurationTables(): ReadonlyMap<string, string> {
  const { definitions, properties = {} } = serversFileSchema();
  const { mcpServers, servers, $schema, ...settings } = properties;
  const server = (definitions as Record<string, JsonSchema>).server?.properties ?? {};
  return new Map([
    ['keys of a server', toMarkdown(rowsOf(withoutForeign(server)), ['key', 'type', 'default', ''])],
    ['keys beside the servers', toMarkdown(rowsOf(withoutForeign(settings)), ['key', 'type', 'default', ''])],
    ['variables', toMarkdown(variableRows(), ['variable', '', 'default', ''])],
  ]);
}

/** The page with its tables as the schemas have them now. */
export function configurationPage(page: string): string {
  let text = page;
  for (const [name, table] of configurationTables()) {
    const [begin, end] = [`<!-- generated: ${name} -->`, '<!-- end of generated -->'];
    const start = text.indexOf(begin);
    if (start === -1) throw new Error(`docs/configuration.md has no place for "${name}".`);
    text = `${text.slice(0, start)}${begin}\n\n${table}\n${text.slice(text.indexOf(end, start))}`;
  }
  return text;
}

/** Every variable of the service. */
export function variableRows(): readonly Row[] {
  const variables = { ...secretSchema.shape, ...valueSchema.shape } as Record<string, z.ZodType>;
  return Object.entries(variables)
    .filter(([name]) => !INTERNAL.has(name))
    .map(([name, schema]) => {
      const { description = '', default: given } = z.globalRegistry.get(schema) ?? {};
      const isSecret = name in secretSchema.shape;
      return {
        name,
        type: isSecret ? `or \`${name}_FILE\`` : '',
        default: given === undefined ? '' : code(String(given)),
        description,
      };
    });
}

/** The rows of an object's keys, each followed by those below it: `access.tools.<name>.roles`, `auth.keys[].id`. */
export function rowsOf(properties: Readonly<Record<string, JsonSchema>>, path = ''): readonly Row[] {
  return Object.entries(properties).flatMap(([key, schema]) => {
    const name = `${path}${key}`;
    const row = {
      name,
      type: typeOf(schema),
      default: schema.default === undefined ? '' : code(JSON.stringify(schema.default)),
      description: String(schema.description ?? ''),
    };
    return [row, ...rowsBelow(schema, name)];
  });
}

function rowsBelow(schema: JsonSchema, name: string): readonly Row[] {
  const { properties, additionalProperties, items, anyOf } = schema;
  if (properties !== undefined) return rowsOf(properties, `${name}.`);
  if (isSchema(items)) return rowsBelow(items, `${name}[]`);
  if (isSchema(additionalProperties)) return rowsBelow(additionalProperties, `${name}.<name>`);
  return Array.isArray(anyOf) ? anyOf.flatMap((one) => rowsBelow(one, name)) : [];
}

function typeOf({ type, enum: values, const: value, anyOf, items, properties }: JsonSchema): string {
  if (Array.isArray(values))
    return values
      .filter((one) => one !== null)
      .map(inJson)
      .join(', ');
  if (value !== undefined) return inJson(value);
  const types = (Array.isArray(type) ? type : [type]).filter((one) => one !== undefined && one !== 'null');
  if (types.length === 1 && types[0] === 'array') return isSchema(items) ? `list of ${plural(typeOf(items))}` : 'list';
  if (types.length > 0) return types.map((one) => TYPES.get(String(one)) ?? String(one)).join(' or ');
  if (Array.isArray(anyOf)) {
    const kinds = anyOf.filter((one) => one.type !== 'null' && one.pattern === undefined).map(typeOf);
    return [...new Set(kinds)].filter((kind) => kind !== '').join(' or ');
  }
  return properties === undefined ? '' : 'object';
}

const TYPES: ReadonlyMap<string, string> = new Map([
  ['string', 'text'],
  ['integer', 'number'],
  ['boolean', 'true, false'],
]);

function plural(type: string): string {
  return /^[a-z]+$/.test(type) ? `${type}s` : type;
}

function inJson(value: unknown): string {
  return code(JSON.stringify(value));
}

function code(text: string): string {
  return `\`${text}\``;
}

function isSchema(value: unknown): value is JsonSchema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function withoutForeign(properties: Readonly<Record<string, JsonSchema>>): Readonly<Record<string, JsonSchema>> {
  return Object.fromEntries(
    Object.entries(properties).filter(([, { description }]) => !String(description).startsWith('A key of ')),
  );
}

function toMarkdown(rows: readonly Row[], header: readonly string[]): string {
  const cells = rows.map(({ name, type, default: given, description }) => [code(name), type, given, description]);
  const lines = [header, header.map(() => '---'), ...cells];
  return lines.map((line) => `| ${line.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |\n`).join('');
}
