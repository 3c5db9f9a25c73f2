import type {
  HeaderObject,
  OpenAPIObject,
  OperationObject,
  ParameterObject,
  PathItemObject,
  SchemaObject,
} from 'openapi3-ts/oas31';
import type { Settings } from '../../config/settings.ts';
import { readVersion } from '../../version.ts';
import { type Method, OPERATIONS, type Operation, USER_KNOWN } from './vault-operations.ts';
import { refTo, toJsonResponse, vaultSchemas } from './vault-schemas.ts';

const PATH_PARAMETERS = [
  toParameter('path', 'subject', "The user's subject at the issuer, percent-encoded."),
  toParameter('path', 'server', 'Name of the server, as in the servers file.'),
  toParameter('path', 'name', "Name of the user variable, as in the server's `userVars`."),
];
const ISSUER = toParameter('query', 'issuer', 'The issuer of the user.', { type: 'string', default: 'open-webui' });
const TEST = toParameter('query', 'test', 'Open a session with the value first, and store it only if that works.', {
  type: 'boolean',
  default: false,
});

const KNOWN = toParameter(
  'query',
  'known',
  'Do nothing for a user of whom nothing is known, such as a misspelt one: answer 404 with the code `user_unknown`. Needs `vault:admin`.',
  { type: 'boolean', default: false },
);
const USER_KNOWN_HEADER: HeaderObject = {
  description: 'Whether anything was known of the user before; only for callers with the scope `vault:admin`.',
  schema: { type: 'boolean' },
};

const ERRORS: ReadonlyMap<number, string> = new Map([
  [401, 'No valid credentials, or they do not identify a user.'],
  [403, 'The credentials or the form token are wrong, or they do not allow this.'],
  [404, 'No such server, user variable or user (code `user_unknown`), or not for this user.'],
  [413, 'The body is too large.'],
  [415, 'The body is not JSON.'],
  [422, 'The value or the request is invalid, or the test failed; nothing was changed.'],
  [429, 'Over a limit; `Retry-After` says when to try again.'],
  [503, 'The vault is unavailable; `Retry-After` says when to try again.'],
]);
const ALWAYS = [401, 403, 429, 503];

/** The OpenAPI 3.1 document of the vault's API. */
export function toVaultDocument({ rootPath, pathPrefix }: Pick<Settings, 'rootPath' | 'pathPrefix'>): OpenAPIObject {
  const paths = Object.entries(OPERATIONS).map(([path, operations]) => [
    `/vault/api${path}`,
    toPathItem(path, operations),
  ]);
  return {
    openapi: '3.1.0',
    info: {
      title: 'mcpo-ts vault',
      version: readVersion(),
      description:
        "Each user's own values for the servers that need them. They are set, tested and removed here; no response ever contains one.",
    },
    servers: [{ url: (rootPath + pathPrefix).replace(/(?<=.)\/+$/, '') }],
    security: [{ bearer: [] }, { session: [], form: [] }],
    tags: [
      {
        name: 'own',
        description:
          'For the user who calls; needs the scope `vault`, or a `call` scope for the server. To set values, `vault:write:<server>` is enough.',
      },
      {
        name: 'others',
        description:
          'On behalf of a user; needs the scope `vault:admin`, which `admin` includes. To set values for a server, `vault:write:<server>` is enough.',
      },
      { name: 'document', description: 'This document.' },
    ],
    paths: { ...Object.fromEntries(paths), '/vault/api/openapi.json': { get: describeVault } },
    components: {
      schemas: vaultSchemas,
      responses: Object.fromEntries(
        [...ERRORS].map(([status, description]) => [`Error${status}`, toJsonResponse(description, refTo('Error'))]),
      ),
      securitySchemes: {
        bearer: {
          type: 'http',
          scheme: 'bearer',
          description:
            "A personal API key, a token of the user, or a key that may assert users together with Open WebUI's headers.",
        },
        session: {
          type: 'apiKey',
          in: 'cookie',
          name: '__Host-mcpo-vault',
          description: "The page's session; the cookie is called `mcpo-vault` over plain HTTP.",
        },
        form: {
          type: 'apiKey',
          in: 'header',
          name: 'X-Form-Token',
          description: "The form token of the page's session; reading needs none.",
        },
      },
    },
  };
}

const describeVault: OperationObject = {
  operationId: 'describeVault',
  tags: ['document'],
  summary: 'This document; needs credentials under strict authentication',
  security: [{}, { bearer: [] }, { session: [] }],
  responses: { 200: toJsonResponse('OpenAPI 3.1.', { type: 'object' }), ...toErrors([401, 403]) },
};

function toPathItem(path: string, operations: Readonly<Partial<Record<Method, Operation>>>): PathItemObject {
  const isOfUser = path.includes('{subject}');
  const named = PATH_PARAMETERS.filter(({ name }) => path.includes(`{${name}}`));
  const items = Object.entries(operations).map(([method, operation]) => [method, toOperation(operation, method, path)]);
  return { parameters: isOfUser ? [...named, ISSUER] : named, ...Object.fromEntries(items) };
}

function toOperation(
  { id, summary, body, result, status = 200, sets }: Operation,
  method: string,
  path: string,
): OperationObject {
  const isOfUser = path.includes('{subject}');
  const errors = [
    ...ALWAYS,
    ...(path.includes('{server}') || isOfUser || body === 'NewLink' ? [404] : []),
    ...(body === undefined ? [] : [413, 415, 422]),
    ...(isOfUser ? [422] : []),
  ];
  const description = method === 'delete' ? 'Removed, or nothing was set.' : 'Stored.';
  const done = { 204: { description, ...(isOfUser ? { headers: { [USER_KNOWN]: USER_KNOWN_HEADER } } : {}) } };
  const responses = { ...(result === undefined ? done : { [status]: result }), ...toErrors(errors) };
  const parameters = [...(sets ? [TEST] : []), ...(isOfUser ? [KNOWN] : [])];
  const asked = parameters.length > 0 ? { parameters } : {};
  const operation = { operationId: id, tags: [isOfUser ? 'others' : 'own'], summary, ...asked, responses };
  if (body === undefined) return operation;
  const requestBody = { required: true, content: { 'application/json': { schema: refTo(body) } } };
  return { ...operation, requestBody };
}

function toErrors(statuses: readonly number[]) {
  return Object.fromEntries(statuses.map((status) => [status, { $ref: `#/components/responses/Error${status}` }]));
}

function toParameter(
  place: 'path' | 'query',
  name: string,
  description: string,
  schema: SchemaObject = { type: 'string' },
): ParameterObject {
  return { name, in: place, description, required: place === 'path', schema };
}
