import type { Request, Response } from 'express';
import type { ResponseObject } from 'openapi3-ts/oas31';
import { lacksScope } from '../../auth/authorize.ts';
import { InvalidArgumentsError } from '../../errors.ts';
import type { ServerVariables } from '../../servers/user-variables.ts';
import { signalOf } from '../pages/page-visit.ts';
import type { AllowedVariables } from './allowed-variables.ts';
import { readValue, readValues } from './read-values.ts';
import type { VaultCaller } from './vault-caller.ts';
import { refTo, toJsonResponse } from './vault-schemas.ts';

/** One request by an identified caller. */
interface VaultExchange {
  readonly request: Request;
  readonly response: Response;
  readonly caller: VaultCaller;
  /** Those of the caller, or of the user that the URL names; for the server of the URL, if it names one. */
  readonly variables: AllowedVariables;
}

export type Method = 'get' | 'put' | 'post' | 'delete';

export interface Operation {
  /** Its name in the document. */
  readonly id: string;
  readonly summary: string;
  /** The schema of what is sent. */
  readonly body?: 'NewValue' | 'NewValues';
  /** What it answers; 204 without it. */
  readonly result?: ResponseObject;
  readonly answer: (exchange: VaultExchange) => Promise<void>;
}

/** Every operation of the API by path and method: the router and the document are made of it. */
export const OPERATIONS: Readonly<Record<string, Readonly<Partial<Record<Method, Operation>>>>> = {
  '/servers': {
    get: {
      id: 'listServers',
      summary: 'The servers that need values from the user, and what is set',
      result: toJsonResponse('In the order of the servers file.', { type: 'array', items: refTo('ServerSettings') }),
      answer: listServers,
    },
  },
  '/servers/{server}/variables': {
    post: {
      id: 'setVariables',
      summary: 'Set several values: all of them or none',
      body: 'NewValues',
      answer: save,
    },
  },
  '/servers/{server}/variables/{name}': {
    put: { id: 'setVariable', summary: 'Set a value', body: 'NewValue', answer: save },
    delete: { id: 'removeVariable', summary: 'Remove a value', answer: remove },
  },
  '/servers/{server}/test': {
    post: {
      id: 'testServer',
      summary: 'Open a session with what is set, and list the tools',
      result: toJsonResponse('How it went.', refTo('TestResult')),
      answer: test,
    },
  },
  '/me': { delete: { id: 'eraseOwn', summary: 'Erase all data of the user who calls', answer: erase } },
  '/users/{subject}/servers/{server}/variables': {
    post: {
      id: 'setVariablesOfUser',
      summary: 'Set several values for a user: all of them or none',
      body: 'NewValues',
      answer: save,
    },
  },
  '/users/{subject}/servers/{server}/variables/{name}': {
    put: { id: 'setVariableOfUser', summary: 'Set a value for a user', body: 'NewValue', answer: save },
    delete: { id: 'removeVariableOfUser', summary: 'Remove a value of a user', answer: remove },
  },
  '/users/{subject}': { delete: { id: 'eraseUser', summary: 'Erase all data of a user', answer: erase } },
};

async function listServers({ response, caller, variables }: VaultExchange): Promise<void> {
  if (!caller.scopes.allowsAnyOwnValues) throw lacksScope('vault');
  response.json((await variables.list()).map(toServerJson));
}

async function test({ request, response, variables }: VaultExchange): Promise<void> {
  const { ok, tools, error } = await variables.test(param(request, 'server'), { signal: signalOf(response) });
  response.json({ ok, tools, error: error ?? null });
}

async function save({ request, response, variables }: VaultExchange): Promise<void> {
  const signal = signalOf(response);
  const isTested = flag(request, 'test');
  const name = param(request, 'name');
  const values = name === '' ? await readValues(request) : new Map([[name, await readValue(request)]]);
  await variables.save(param(request, 'server'), values, { isTested, signal });
  response.status(204).end();
}

async function remove({ request, response, variables }: VaultExchange): Promise<void> {
  await variables.remove(param(request, 'server'), param(request, 'name'));
  response.status(204).end();
}

async function erase({ response, variables }: VaultExchange): Promise<void> {
  await variables.erase();
  response.status(204).end();
}

/** A parameter of the path; empty where the path has none of this name. */
export function param(request: Request, name: 'server' | 'name' | 'subject'): string {
  const value = request.params[name];
  return typeof value === 'string' ? value : '';
}

function flag(request: Request, name: string): boolean {
  const value = request.query[name];
  if (value === undefined || value === 'false') return false;
  if (value === 'true') return true;
  const msg = "Input should be 'true' or 'false'";
  throw new InvalidArgumentsError([{ type: 'literal_error', loc: ['query', name], msg }]);
}

/** An entry of `GET /vault/api/servers`: what is known of a user's values, and never a value. */
function toServerJson({ server, title, variables, status }: ServerVariables): object {
  const toTime = (ms: number | undefined) => (ms === undefined ? null : new Date(ms).toISOString());
  return {
    server,
    title,
    variables: variables.map(({ name, variable, isSet, updatedAt, lastUsedAt }) => ({
      name,
      title: variable.title,
      description: variable.description ?? null,
      required: variable.required,
      sensitive: variable.sensitive,
      choices: variable.choices?.map(({ value, label }) => ({ value, label })) ?? null,
      helpUrl: variable.helpUrl ?? null,
      is_set: isSet,
      updated_at: toTime(updatedAt),
      last_used_at: toTime(lastUsedAt),
    })),
    status,
  };
}
