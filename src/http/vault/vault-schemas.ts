import type { ReferenceObject, ResponseObject, SchemaObject } from 'openapi3-ts/oas31';
import { z } from 'zod';
import { newValueSchema, newValuesSchema } from './read-values.ts';

const text: SchemaObject = { type: 'string' };
const textOrNull: SchemaObject = { type: ['string', 'null'] };
const timeOrNull: SchemaObject = { type: ['string', 'null'], format: 'date-time' };

/** The schemas of the vault's API, by name. */
export const vaultSchemas: Readonly<Record<string, SchemaObject>> = {
  ServerSettings: allRequired('A server and its variables, for one user.', {
    server: { ...text, description: 'Name of the server.' },
    title: text,
    variables: { type: 'array', items: refTo('UserVariable') },
    status: {
      type: 'string',
      enum: ['ready', 'missing', 'failing', 'unreadable'],
      description:
        '`ready`: all required values are set; `missing`: a required value is not set; `failing`: the server rejected the values; `unreadable`: the values can no longer be decrypted and have to be set again.',
    },
  }),
  UserVariable: allRequired('A user variable, and what is known of its value. The value itself is never returned.', {
    name: text,
    title: text,
    description: textOrNull,
    required: { type: 'boolean' },
    sensitive: { type: 'boolean', description: 'Enter it in a password field.' },
    choices: {
      type: ['array', 'null'],
      items: allRequired('An allowed value.', { value: text, label: text }),
      description: 'The only allowed values; `null`: any.',
    },
    helpUrl: { ...textOrNull, description: 'Where the user gets a value.' },
    is_set: { type: 'boolean' },
    updated_at: timeOrNull,
    last_used_at: timeOrNull,
  }),
  NewLink: {
    type: 'object',
    description: 'Whose values to set for which server.',
    properties: {
      server: { ...text, description: 'Name of the server.' },
      user: {
        anyOf: [
          { ...text, description: '`SUBJECT` of Open WebUI, or `ISSUER:SUBJECT`.' },
          allRequired('A user.', { issuer: text, subject: text }),
        ],
        description: 'Default: the user who calls. Another one needs the scope `vault:admin`.',
      },
    },
    required: ['server'],
    additionalProperties: false,
  },
  SetupLink: allRequired('A setup link.', {
    url: { ...text, format: 'uri', description: 'Opens the page that sets the values. Works once.' },
    expires_at: { ...text, format: 'date-time' },
    server: { ...text, description: 'Name of the server.' },
    user: allRequired('Whose values it sets.', { issuer: text, subject: text }),
    known: { type: 'boolean', description: 'Whether anything was known of the user: `false` for a misspelt id.' },
  }),
  NewValue: toSchema(newValueSchema),
  NewValues: toSchema(newValuesSchema),
  TestResult: allRequired('The result of a session with the stored values.', {
    ok: { type: 'boolean' },
    tools: { type: 'array', items: text, description: 'Names of the tools that were listed.' },
    error: { ...textOrNull, description: 'One sentence; `null` on success.' },
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

export function toJsonResponse(description: string, schema: NonNullable<SchemaObject['items']>): ResponseObject {
  return { description, content: { 'application/json': { schema } } };
}

function toSchema(schema: z.ZodType): SchemaObject {
  const { $schema, ...json } = z.toJSONSchema(schema);
  return json as SchemaObject;
}

function allRequired(description: string, properties: Record<string, SchemaObject | ReferenceObject>): SchemaObject {
  return { type: 'object', description, properties, required: Object.keys(properties) };
}
