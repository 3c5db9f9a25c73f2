import { z } from 'zod';
import { entrySchema, settingsSchema } from '../config/server-schema.ts';
import { fileSchema } from '../config/servers-file.ts';
import { ONE_OR_MORE } from '../config/shapes.ts';
import { inputSchema } from '../config/user-variables.ts';

export interface JsonSchema {
  readonly [keyword: string]: unknown;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
}

/** Keys of other programs in the same file: accepted here, without an effect. */
const FOREIGN_SERVER_KEYS = new Map([
  ['Claude Code, Cline and Roo', 'alwaysAllow autoApprove networkTimeout timeout watchPaths'],
  ['Cursor', 'auth'],
  ['Gemini CLI', 'excludeTools includeTools trust'],
  [
    'LibreChat',
    'chatMenu iconPath initTimeout requiresOAuth serverInstructions sseReadTimeout startup stderr streamableHttpOptions',
  ],
  ['VS Code', 'dev gallery sandboxEnabled version'],
  ['other programs', '_comment comment description id name note'],
]);
const FOREIGN_FILE_KEYS = new Map([
  ['Claude Desktop', 'globalShortcut preferences'],
  ['other programs', '_comment comment description name version'],
]);
/** The one key that `settingsSchema` and `entrySchema` do not have, because it is only warned of. */
const OAUTH: JsonSchema = { description: 'Not supported by this version.' };

/**
 * `mcpo-ts schema`: the JSON Schema of a servers file, as far as its shape goes. Draft-07, which editors know best: of later drafts VS Code
 * knows parts only. It accepts the keys of other programs, and rejects other unknown keys, so that editors mark them.
 */
export function serversFileSchema(): JsonSchema {
  const { properties = {} } = toJsonSchema(fileSchema);
  const servers = (description: string): JsonSchema => ({
    description,
    type: 'object',
    minProperties: 1,
    propertyNames: { pattern: '^[A-Za-z0-9_.-]+$' },
    additionalProperties: { $ref: '#/definitions/server' },
  });
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Servers file of mcpo-ts',
    type: 'object',
    properties: {
      $schema: { type: 'string', description: 'Where editors find this schema.' },
      mcpServers: servers('The MCP servers, by name; the name becomes part of the URL.'),
      servers: servers("VS Code's name for `mcpServers`."),
      inputs: {
        ...toJsonSchema(z.array(inputSchema)),
        description: "VS Code's declarations of values that users enter; a server names one as `${input:ID}`.",
      },
      ...properties,
      ...foreign(FOREIGN_FILE_KEYS, properties),
    },
    oneOf: [{ required: ['mcpServers'] }, { required: ['servers'] }],
    additionalProperties: false,
    definitions: { server: serverSchema() },
  };
}

function serverSchema(): JsonSchema {
  const { properties = {} } = toJsonSchema(entrySchema.extend(settingsSchema.shape));
  const nullable = Object.entries(properties).map(([key, schema]) => [
    key,
    ['access', 'redactResults', 'rules'].includes(key) ? schema : orNull(schema),
  ]);
  const given = (key: string): JsonSchema => ({ required: [key], properties: { [key]: { type: 'string' } } });
  return {
    type: 'object',
    properties: { ...Object.fromEntries(nullable), oauth: OAUTH, ...foreign(FOREIGN_SERVER_KEYS, properties) },
    additionalProperties: false,
    // The rest of a disabled entry does not matter.
    anyOf: [
      { oneOf: [given('command'), given('url')] },
      { required: ['disabled'], properties: { disabled: { const: true } } },
    ],
  };
}

/** What goes in, and not what the loader makes of it. */
function toJsonSchema(schema: z.ZodType): JsonSchema {
  const { $schema, ...json } = z.toJSONSchema(schema, {
    target: 'draft-07',
    io: 'input',
    unrepresentable: ({ zodSchema }) => {
      if (!(zodSchema instanceof z.ZodMap)) return 'any';
      const { pattern } = toJsonSchema(zodSchema.def.keyType as z.ZodType);
      const value = toJsonSchema(zodSchema.def.valueType as z.ZodType);
      const names = pattern === undefined ? {} : { propertyNames: { pattern: pattern as string } };
      return { type: 'object', ...names, additionalProperties: value };
    },
    override: ({ zodSchema, jsonSchema }) => {
      // The bounds of exact integers and formats that not every validator knows say nothing to a reader.
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
      if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
      if (jsonSchema.format === 'uri') jsonSchema.pattern = '^[hH][tT][tT][pP][sS]?://';
      delete jsonSchema.format;
      if (jsonSchema[ONE_OR_MORE] === true) {
        const { items } = jsonSchema;
        jsonSchema.anyOf = [items as JsonSchema, { type: 'array', items: items as JsonSchema }];
        for (const key of [ONE_OR_MORE, 'type', 'items', 'default']) delete jsonSchema[key];
      }
      if (zodSchema instanceof z.ZodObject) jsonSchema.additionalProperties ??= false;
      if (!(zodSchema instanceof z.ZodDefault) && !(zodSchema instanceof z.ZodPrefault)) return;
      const value: unknown = zodSchema.def.defaultValue;
      if (value instanceof Set) jsonSchema.default = [...value] as string[];
      else if (value instanceof Map || isEmptyObject(value)) delete jsonSchema.default;
    },
  });
  return json as JsonSchema;
}

function foreign(
  keys: ReadonlyMap<string, string>,
  own: Readonly<Record<string, unknown>>,
): Record<string, JsonSchema> {
  return Object.fromEntries(
    [...keys].flatMap(([program, names]) =>
      names
        .split(' ')
        .filter((name) => !Object.hasOwn(own, name))
        .map((name) => [name, { description: `A key of ${program}; it has no effect here.` }]),
    ),
  );
}

/** `null` counts as unset. */
function orNull({ description, default: given, ...schema }: JsonSchema): JsonSchema {
  const { type, anyOf } = schema;
  const notes = { description, ...(given === undefined ? {} : { default: given }) };
  if (Array.isArray(schema.enum)) return { ...notes, enum: [...schema.enum, null] };
  if (Array.isArray(anyOf)) return { ...notes, anyOf: [...anyOf.map((one) => ({ type, ...one })), { type: 'null' }] };
  return { ...notes, ...schema, type: [type, 'null'] };
}

function isEmptyObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0 && !Array.isArray(value);
}
