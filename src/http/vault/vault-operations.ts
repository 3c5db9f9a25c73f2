import type { Request, Response } from 'express';
import type { ResponseObject } from 'openapi3-ts/oas31';
import { lacksScope } from '../../auth/authorize.ts';
import { toUserKey, type UserId, type UserProfile } from '../../auth/user.ts';
import { InvalidArgumentsError } from '../../errors.ts';
import type { ServerVariables } from '../../servers/user-variables.ts';
import { signalOf } from '../pages/page-visit.ts';
import { type AllowedVariables, requireOthers, type SetupLinkUrl } from './allowed-variables.ts';
import { readNewLink, readValue, readValues } from './read-values.ts';
import type { VaultCaller } from './vault-caller.ts';
import { refTo, toJsonResponse } from './vault-schemas.ts';

/** One request by an identified caller. */
interface VaultExchange {
  readonly request: Request;
  readonly response: Response;
  readonly caller: VaultCaller;
  /** Those of the caller, or of the user that the URL names; for the server of the URL, if it names one. */
  readonly variables: AllowedVariables;
  /** Those of the caller, or of a user that the body names. */
  readonly variablesOf: (user: UserId | undefined) => AllowedVariables;
  readonly createLink: (user: UserProfile, server: string) => Promise<SetupLinkUrl>;
}

/** Of an answer about another user: whether anything was known of them before. */
export const USER_KNOWN = 'X-User-Known';

export type Method = 'get' | 'put' | 'post' | 'delete';

export interface Operation {
  /** Its name in the document. */
  readonly id: string;
  readonly summary: string;
  /** The schema of what is sent. */
  readonly body?: 'NewValue' | 'NewValues' | 'NewLink';
  /** What it answers with `status`; 204 without it. */
  readonly result?: ResponseObject;
  /** Default: 200. */
  readonly status?: 200 | 201;
  /** It sets values and does no more, which needs less than the others. */
  readonly sets?: true;
  readonly answer: (exchange: VaultExchange) => Promise<void>;
}

const FOR_CALLBACKS = 'the same as PUT, for callbacks that can only POST';

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
      sets: true,
      answer: save,
    },
  },
  '/servers/{server}/variables/{name}': {
    put: { id: 'setVariable', summary: 'Set a value', body: 'NewValue', sets: true, answer: save },
    post: { id: 'postVariable', summary: `Set a value: ${FOR_CALLBACKS}`, body: 'NewValue', sets: true, answer: save },
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
  '/links': {
    post: {
      id: 'createSetupLink',
      summary: 'Make a setup link: one use, fifteen minutes, for one user and server',
      body: 'NewLink',
      result: toJsonResponse('The link, to be handed to that user only.', refTo('SetupLink')),
      status: 201,
      answer: createLink,
    },
  },
  '/me': { delete: { id: 'eraseOwn', summary: 'Erase all data of the user who calls', answer: erase } },
  '/users/{subject}/servers/{server}/variables': {
    post: {
      id: 'setVariablesOfUser',
      summary: 'Set several values for a user: all of them or none',
      body: 'NewValues',
      sets: true,
      answer: save,
    },
  },
  '/users/{subject}/servers/{server}/variables/{name}': {
    put: { id: 'setVariableOfUser', summary: 'Set a value for a user', body: 'NewValue', sets: true, answer: save },
    post: {
      id: 'postVariableOfUser',
      summary: `Set a value for a user: ${FOR_CALLBACKS}`,
      body: 'NewValue',
      sets: true,
      answer: save,
    },
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
  await tellKnown(request, response, variables);
  await variables.save(param(request, 'server'), values, { isTested, signal });
  response.status(204).end();
}

async function createLink({ request, response, caller, variablesOf, createLink }: VaultExchange): Promise<void> {
  const { server, user } = await readNewLink(request);
  const isOwn = user === undefined || (caller.user !== undefined && toUserKey(user) === toUserKey(caller.user));
  if (!isOwn) requireOthers(caller.scopes);
  const variables = variablesOf(isOwn ? undefined : user);
  const isKnown = await variables.isKnown();
  const { url, expiresAt } = await variables.createLink(server, (of) => createLink(of, server));
  const expires = new Date(expiresAt).toISOString();
  response.status(201).json({ url, expires_at: expires, server, user: variables.user, known: isKnown });
}

/**
 * Says in the answer about another user whether anything was known of them, where the caller may know that; with
 * `?known=true` there must be. Throws `UserUnknownError`, `ForbiddenError`.
 */
async function tellKnown(request: Request, response: Response, variables: AllowedVariables): Promise<void> {
  if (!('subject' in request.params)) return;
  if (flag(request, 'known')) await variables.requireKnown();
  const isKnown = await variables.isKnown();
  if (isKnown !== undefined) response.setHeader(USER_KNOWN, String(isKnown));
}

async function remove({ request, response, variables }: VaultExchange): Promise<void> {
  await tellKnown(request, response, variables);
  await variables.remove(param(request, 'server'), param(request, 'name'));
  response.status(204).end();
}

async function erase({ request, response, variables }: VaultExchange): Promise<void> {
  await tellKnown(request, response, variables);
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
