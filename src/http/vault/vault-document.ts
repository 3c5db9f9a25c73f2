import type { OpenAPIObject, OperationObject, ParameterObject, ResponseObject, SchemaObject } from 'openapi3-ts/oas31';
import type { Settings } from '../../config/settings.ts';
import { readVersion } from '../../version.ts';
import { refTo, vaultSchemas } from './vault-schemas.ts';

const SERVER = toParameter('path', 'server', 'Name of the server, as in the servers file.');
const NAME = toParameter('path', 'name', "Name of the user variable, as in the server's `userVars`.");
const SUBJECT = toParameter('path', 'subject', "The user's subject at the issuer, percent-encoded.");
const ISSUER = toParameter('query', 'issuer', 'The issuer of the user.', { type: 'string', default: 'open-webui' });
const TEST = toParameter('query', 'test', 'Open a session with the value first, and store it only if that works.', {
  type: 'boolean',
  default: false,
});

const ERRORS: ReadonlyMap<number, string> = new Map([
  [401, 'No valid credentials, or they do not identify a user.'],
  [403, 'The credentials or the form token are wrong, or they do not allow this.'],
  [404, 'No such server or user variable, or not for this user.'],
  [413, 'The body is too large.'],
  [415, 'The body is not JSON.'],
  [422, 'The value or the request is invalid, or the test failed; nothing was changed.'],
  [429, 'Over a limit; `Retry-After` says when to try again.'],
  [503, 'The vault is unavailable; `Retry-After` says when to try again.'],
]);
const ALWAYS = [401, 403, 429, 503];

const VARIABLES = '/vault/api/servers/{server}/variables';
const VARIABLES_OF_USER = '/vault/api/users/{subject}/servers/{server}/variables';
const ONE_VARIABLE = '/vault/api/servers/{server}/variables/{name}';
const ONE_VARIABLE_OF_USER = '/vault/api/users/{subject}/servers/{server}/variables/{name}';

/** The OpenAPI 3.1 document of the vault's API; every route of `createVaultRoutes` is in it. */
export function toVaultDocument({ rootPath, pathPrefix }: Pick<Settings, 'rootPath' | 'pathPrefix'>): OpenAPIObject {
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
      { name: 'own', description: 'For the user who calls.' },
      { name: 'others', description: 'On behalf of a user; needs the scope `admin`.' },
      { name: 'document', description: 'This document.' },
    ],
    paths: {
      '/vault/api/servers': { get: listServers },
      [VARIABLES]: {
        parameters: [SERVER],
        post: toSet('setVariables', 'own', 'Set several values: all of them or none', 'NewValues'),
      },
      [ONE_VARIABLE]: {
        parameters: [SERVER, NAME],
        put: toSet('setVariable', 'own', 'Set a value', 'NewValue'),
        delete: toDelete('removeVariable', 'own', 'Remove a value', [404]),
      },
      '/vault/api/servers/{server}/test': { parameters: [SERVER], post: testServer },
      '/vault/api/me': { delete: toDelete('eraseOwn', 'own', 'Erase all data of the user who calls') },
      [VARIABLES_OF_USER]: {
        parameters: [SUBJECT, SERVER, ISSUER],
        post: toSet('setVariablesOfUser', 'others', 'Set several values for a user: all of them or none', 'NewValues'),
      },
      [ONE_VARIABLE_OF_USER]: {
        parameters: [SUBJECT, SERVER, NAME, ISSUER],
        put: toSet('setVariableOfUser', 'others', 'Set a value for a user', 'NewValue'),
        delete: toDelete('removeVariableOfUser', 'others', 'Remove a value of a user', [404, 422]),
      },
      '/vault/api/users/{subject}': {
        parameters: [SUBJECT, ISSUER],
        delete: toDelete('eraseUser', 'others', 'Erase all data of a user', [422]),
      },
      '/vault/api/openapi.json': { get: describeVault },
    },
    components: {
      schemas: vaultSchemas,
      responses: Object.fromEntries(
        [...ERRORS].map(([status, description]) => [`Error${status}`, json(description, refTo('Error'))]),
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

const listServers: OperationObject = {
  ...toOperation('listServers', 'own', 'The servers that need values from the user, and what is set'),
  responses: {
    200: json('In the order of the servers file.', { type: 'array', items: refTo('ServerSettings') }),
    ...toErrors(ALWAYS),
  },
};

const testServer: OperationObject = {
  ...toOperation('testServer', 'own', 'Open a session with what is set, and list the tools'),
  responses: { 200: json('How it went.', refTo('TestResult')), ...toErrors([...ALWAYS, 404]) },
};

const describeVault: OperationObject = {
  ...toOperation('describeVault', 'document', 'This document; needs credentials under strict authentication'),
  security: [{}, { bearer: [] }, { session: [] }],
  responses: { 200: json('OpenAPI 3.1.', { type: 'object' }), ...toErrors([401, 403]) },
};

function toSet(operationId: string, tag: string, summary: string, body: 'NewValue' | 'NewValues'): OperationObject {
  return {
    ...toOperation(operationId, tag, summary),
    parameters: [TEST],
    requestBody: { required: true, content: { 'application/json': { schema: refTo(body) } } },
    responses: { 204: { description: 'Stored.' }, ...toErrors([...ALWAYS, 404, 413, 415, 422]) },
  };
}

function toDelete(operationId: string, tag: string, summary: string, errors: readonly number[] = []): OperationObject {
  return {
    ...toOperation(operationId, tag, summary),
    responses: {
      204: { description: 'Removed, or nothing was set.' },
      ...toErrors([...ALWAYS, ...errors]),
    },
  };
}

function toOperation(operationId: string, tag: string, summary: string) {
  return { operationId, tags: [tag], summary };
}

function toErrors(statuses: readonly number[]) {
  return Object.fromEntries(statuses.map((status) => [status, { $ref: `#/components/responses/Error${status}` }]));
}

function json(description: string, schema: NonNullable<SchemaObject['items']>): ResponseObject {
  return { description, content: { 'application/json': { schema } } };
}

function toParameter(
  place: 'path' | 'query',
  name: string,
  description: string,
  schema: SchemaObject = { type: 'string' },
): ParameterObject {
  return { name, in: place, description, required: place === 'path', schema };
}
