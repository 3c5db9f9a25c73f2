import type { ReferenceObject, SchemaObject } from 'openapi3-ts/oas31';

const text: SchemaObject = { type: 'string' };
const textOrNull: SchemaObject = { type: ['string', 'null'] };
const timeOrNull: SchemaObject = { type: ['string', 'null'], format: 'date-time' };

/** The schemas of the vault's API, by name. */
export const vaultSchemas: Readonly<Record<string, SchemaObject>> = {
  ServerSettings: allRequired('What one user has to do with one server.', {
    server: { ...text, description: 'Name of the server.' },
    title: text,
    variables: { type: 'array', items: refTo('UserVariable') },
    status: {
      type: 'string',
      enum: ['ready', 'missing', 'failing', 'unreadable'],
      description:
        '`ready`: everything that is required is set; `missing`: something that is required is not; `failing`: the server refused what is set; `unreadable`: what is set can no longer be decrypted and has to be set again.',
    },
  }),
  UserVariable: allRequired('A user variable, and what is known of its value. The value itself is never told.', {
    name: text,
    title: text,
    description: textOrNull,
    required: { type: 'boolean' },
    sensitive: { type: 'boolean', description: 'To be typed into a password field.' },
    choices: {
      type: ['array', 'null'],
      items: allRequired('A value that is allowed.', { value: text, label: text }),
      description: 'The only values that are allowed; `null`: any.',
    },
    helpUrl: { ...textOrNull, description: 'Where the user gets a value.' },
    is_set: { type: 'boolean' },
    updated_at: timeOrNull,
    last_used_at: timeOrNull,
  }),
  NewValue: {
    ...allRequired('A value to be kept.', { value: { ...text, writeOnly: true } }),
    additionalProperties: false,
  },
  NewValues: {
    ...allRequired('Values to be stored, by the names of their user variables.', {
      values: { type: 'object', minProperties: 1, additionalProperties: { ...text, writeOnly: true } },
    }),
    additionalProperties: false,
  },
  TestResult: allRequired('How a session with what is set went.', {
    ok: { type: 'boolean' },
    tools: { type: 'array', items: text, description: 'Names of the tools that were listed.' },
    error: { ...textOrNull, description: 'One sentence; `null` when it went well.' },
  }),
  Error: allRequired('What was wrong.', {
    detail: {
      anyOf: [
        text,
        { type: 'object', properties: { message: text, code: text }, required: ['message'] },
        {
          type: 'array',
          items: {
            type: 'object',
            properties: {
              type: text,
              loc: { type: 'array', items: { type: ['string', 'integer'] } },
              msg: text,
            },
            required: ['type', 'loc', 'msg'],
          },
        },
      ],
    },
  }),
};

export function refTo(schema: string): ReferenceObject {
  return { $ref: `#/components/schemas/${schema}` };
}

function allRequired(description: string, properties: Record<string, SchemaObject | ReferenceObject>): SchemaObject {
  return { type: 'object', description, properties, required: Object.keys(properties) };
}
