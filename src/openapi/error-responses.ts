import type { ReferenceObject, ResponseObject, SchemaObject } from 'openapi3-ts/oas31';

interface ErrorAnswer {
  readonly status: number;
  readonly name: string;
  readonly description: string;
  readonly schema: 'Error' | 'HTTPValidationError';
}

const answers: readonly ErrorAnswer[] = [
  { status: 400, name: 'BadRequest', description: 'The MCP server did not understand the request.', schema: 'Error' },
  { status: 404, name: 'NotFound', description: 'No such server or tool.', schema: 'Error' },
  { status: 413, name: 'BodyTooLarge', description: 'The request body is too large.', schema: 'Error' },
  { status: 415, name: 'UnsupportedMediaType', description: 'The request body is not JSON.', schema: 'Error' },
  {
    status: 422,
    name: 'InvalidArguments',
    description: 'The arguments do not fit the schema of the tool.',
    schema: 'HTTPValidationError',
  },
  {
    status: 429,
    name: 'TooManyRequests',
    description: 'Over a limit; `Retry-After` tells when to try again.',
    schema: 'Error',
  },
  {
    status: 502,
    name: 'ConnectionLost',
    description: 'The connection to the MCP server was lost, or it answered with an error; the tool may have run.',
    schema: 'Error',
  },
  {
    status: 503,
    name: 'ServerUnavailable',
    description: 'The MCP server is starting, has failed or is full; `Retry-After` tells when to try again.',
    schema: 'Error',
  },
  {
    status: 504,
    name: 'DeadlineExceeded',
    description: 'The tool took too long and was cancelled.',
    schema: 'Error',
  },
];

const answersToCredentials: readonly ErrorAnswer[] = [
  { status: 401, name: 'Unauthenticated', description: 'No valid credentials.', schema: 'Error' },
  { status: 403, name: 'Forbidden', description: 'The credentials are wrong or do not allow this.', schema: 'Error' },
];

const answersToUsers: readonly ErrorAnswer[] = [
  {
    status: 428,
    name: 'UserVariablesMissing',
    description: 'The server needs values of the calling user; `setup_url` is where he sets them.',
    schema: 'Error',
  },
];

/** The error schemas of `components/schemas`; the two of validation have FastAPI's names and shape, as in mcpo. */
export const errorSchemas: Readonly<Record<string, SchemaObject>> = {
  Error: {
    type: 'object',
    properties: {
      detail: {
        anyOf: [
          { type: 'string' },
          {
            type: 'object',
            properties: {
              message: { type: 'string' },
              code: { type: 'string' },
              missing: { type: 'array', items: { type: 'string' } },
              setup_url: { type: 'string' },
            },
            required: ['message'],
          },
        ],
      },
    },
    required: ['detail'],
  },
  HTTPValidationError: {
    type: 'object',
    title: 'HTTPValidationError',
    properties: {
      detail: { type: 'array', items: { $ref: '#/components/schemas/ValidationError' }, title: 'Detail' },
    },
  },
  ValidationError: {
    type: 'object',
    title: 'ValidationError',
    properties: {
      loc: { type: 'array', items: { anyOf: [{ type: 'string' }, { type: 'integer' }] }, title: 'Location' },
      msg: { type: 'string', title: 'Message' },
      type: { type: 'string', title: 'Error Type' },
      input: { title: 'Input' },
    },
    required: ['loc', 'msg', 'type'],
  },
};

/** What can go wrong with any operation: shared entries of `components/responses`, and the references to them by status. */
export interface ErrorResponses {
  readonly components: Readonly<Record<string, ResponseObject>>;
  readonly byStatus: Readonly<Record<string, ReferenceObject>>;
}

/** `toolErrorStatus` is the answer to a tool's own `isError`; it may be one that means something else as well. */
export function toErrorResponses(
  hasAuthentication: boolean,
  toolErrorStatus: number,
  hasUserVariables = false,
): ErrorResponses {
  const responses = new Map<number, { readonly name: string; readonly response: ResponseObject }>();
  for (const { status, name, description, schema } of [
    ...answers,
    ...(hasAuthentication ? answersToCredentials : []),
    ...(hasUserVariables ? answersToUsers : []),
  ]) {
    responses.set(status, { name, response: toResponse(description, [schema]) });
  }

  const description = 'The tool itself reported an error; the message is its own text.';
  const sameStatus = responses.get(toolErrorStatus);
  if (sameStatus === undefined) {
    if (toolErrorStatus !== 200)
      responses.set(toolErrorStatus, { name: 'ToolError', response: toResponse(description, ['Error']) });
  } else {
    const schemas = toolErrorStatus === 422 ? ['HTTPValidationError', 'Error'] : ['Error'];
    const response = toResponse(`${sameStatus.response.description} Or: ${description}`, schemas);
    responses.set(toolErrorStatus, { name: sameStatus.name, response });
  }

  const sorted = [...responses].sort(([a], [b]) => a - b);
  return {
    components: Object.fromEntries(sorted.map(([, { name, response }]) => [name, response])),
    byStatus: Object.fromEntries(
      sorted.map(([status, { name }]) => [String(status), { $ref: `#/components/responses/${name}` }]),
    ),
  };
}

function toResponse(description: string, schemas: readonly string[]): ResponseObject {
  const references = schemas.map((name) => ({ $ref: `#/components/schemas/${name}` }));
  const [first] = references;
  const schema = references.length === 1 && first !== undefined ? first : { anyOf: references };
  return { description, content: { 'application/json': { schema } } };
}
