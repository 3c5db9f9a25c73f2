import type { ReferenceObject, ResponseObject, SchemaObject } from 'openapi3-ts/oas31';

type ErrorAnswer = readonly [status: number, name: string, description: string];

const answers: readonly ErrorAnswer[] = [
  [400, 'BadRequest', 'The MCP server did not understand the request.'],
  [404, 'NotFound', 'The server or tool does not exist.'],
  [413, 'BodyTooLarge', 'The request body is too large.'],
  [415, 'UnsupportedMediaType', 'The request body is not JSON.'],
  [422, 'InvalidArguments', 'The arguments do not fit the schema of the tool.'],
  [429, 'TooManyRequests', 'A rate limit is exceeded; `Retry-After` says when to try again.'],
  [502, 'ConnectionLost', 'The connection to the MCP server was lost, or it returned an error; the tool may have run.'],
  [
    503,
    'ServerUnavailable',
    'The MCP server is starting, has failed or is full; `Retry-After` says when to try again.',
  ],
  [504, 'DeadlineExceeded', 'The tool took too long and was cancelled.'],
];
const answersToCredentials: readonly ErrorAnswer[] = [
  [401, 'Unauthenticated', 'The credentials are missing or not valid.'],
  [403, 'Forbidden', 'The credentials are wrong or do not allow this.'],
];
const answersToUsers: readonly ErrorAnswer[] = [
  [428, 'UserVariablesMissing', 'The server needs values of the calling user, who sets them at `setup_url`.'],
];
const ERROR: ReferenceObject = { $ref: '#/components/schemas/Error' };
const TOOL_ERROR = 'The tool itself reported an error; the message is its own text.';

/** The error schemas of `components/schemas`; those of validation have FastAPI's names and shape, as in mcpo. */
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

/** The errors that any operation can return: shared entries of `components/responses`, and the references to them by status. */
export interface ErrorResponses {
  readonly components: Readonly<Record<string, ResponseObject>>;
  readonly byStatus: Readonly<Record<string, ReferenceObject>>;
}

/** `toolErrorStatus` is the answer to a tool's own `isError`; it may be one that means something else as well. */
export function toErrorResponses(
  hasAuthentication: boolean,
  toolErrorStatus: number,
  hasUserVariables: boolean,
): ErrorResponses {
  const components: Record<string, ResponseObject> = {};
  const byStatus: Record<string, ReferenceObject> = {};
  const all = [
    ...answers,
    ...(hasAuthentication ? answersToCredentials : []),
    ...(hasUserVariables ? answersToUsers : []),
  ];
  const isShared = all.some(([status]) => status === toolErrorStatus);
  if (!isShared && toolErrorStatus !== 200) all.push([toolErrorStatus, 'ToolError', TOOL_ERROR]);
  for (const [status, name, description] of all.sort(([a], [b]) => a - b)) {
    const isOfTools = isShared && status === toolErrorStatus;
    const isOfArguments = status === 422;
    const own = isOfArguments ? { $ref: '#/components/schemas/HTTPValidationError' } : ERROR;
    components[name] = {
      description: isOfTools ? `${description} Or: ${TOOL_ERROR}` : description,
      content: { 'application/json': { schema: isOfTools && isOfArguments ? { anyOf: [own, ERROR] } : own } },
    };
    byStatus[status] = { $ref: `#/components/responses/${name}` };
  }
  return { components, byStatus };
}
