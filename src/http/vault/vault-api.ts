import express, { type Request, type RequestHandler, type Response, type Router } from 'express';
import { lacksScope } from '../../auth/authorize.ts';
import { isIdentifier } from '../../auth/claims.ts';
import { OPEN_WEBUI_ISSUER } from '../../auth/user.ts';
import type { Settings } from '../../config/settings.ts';
import { ForbiddenError, InvalidArgumentsError, MethodNotAllowedError, NotFoundError } from '../../errors.ts';
import type { RateLimit } from '../../rate-limit/rate-limit.ts';
import type { ServerVariables } from '../../servers/user-variables.ts';
import { signalOf } from '../pages/page-visit.ts';
import { AllowedVariables, requireAdmin, type VariableDependencies } from './allowed-variables.ts';
import { readValue, readValues } from './read-values.ts';
import { type CallerDependencies, identifyCaller, type VaultCaller } from './vault-caller.ts';
import { toVaultDocument } from './vault-document.ts';

export interface VaultApiDependencies extends CallerDependencies, VariableDependencies {
  readonly settings: Pick<Settings, 'rootPath' | 'pathPrefix' | 'strictAuth'>;
  /** The limit of tool calls, which applies here too; `undefined`: none. */
  readonly callLimit: Pick<RateLimit, 'count'> | undefined;
}

/** One request by an identified caller. */
interface Exchange {
  readonly request: Request;
  readonly response: Response;
  readonly caller: VaultCaller;
  /** Makes the caller's own variables, or those of a user. */
  readonly variablesOf: (user?: { readonly issuer: string; readonly subject: string }) => AllowedVariables;
}

type Method = 'get' | 'put' | 'post' | 'delete';
type Answer = (exchange: Exchange) => Promise<void>;

const VARIABLES = '/servers/:server/variables';
const VARIABLE = `${VARIABLES}/:name`;

const ROUTES: Readonly<Record<string, Readonly<Partial<Record<Method, Answer>>>>> = {
  '/servers': { get: listServers },
  [VARIABLES]: { post: (exchange) => save(exchange, ownVariables(exchange), readValues) },
  [VARIABLE]: {
    put: (exchange) => save(exchange, ownVariables(exchange), readNamedValue),
    delete: (exchange) => remove(exchange, ownVariables(exchange)),
  },
  '/servers/:server/test': { post: test },
  '/me': { delete: (exchange) => erase(exchange, exchange.variablesOf()) },
  [`/users/:subject${VARIABLES}`]: { post: (exchange) => save(exchange, variablesOfNamed(exchange), readValues) },
  [`/users/:subject${VARIABLE}`]: {
    put: (exchange) => save(exchange, variablesOfNamed(exchange), readNamedValue),
    delete: (exchange) => remove(exchange, variablesOfNamed(exchange)),
  },
  '/users/:subject': { delete: (exchange) => erase(exchange, variablesOfNamed(exchange)) },
};

/** The JSON API of the vault, to be mounted at `/vault/api`; it answers every request there. */
export function createVaultApi(dependencies: VaultApiDependencies): Router {
  const { settings, callLimit, audit } = dependencies;

  const answering =
    (answer: Answer): RequestHandler =>
    async (request, response) => {
      const caller = await identifyCaller(request, response, dependencies);
      await callLimit?.count(caller.id, response);
      const actor = { id: caller.id, request, response };
      try {
        const variablesOf: Exchange['variablesOf'] = (user) => new AllowedVariables(caller, actor, dependencies, user);
        await answer({ request, response, caller, variablesOf });
      } catch (error) {
        if (error instanceof ForbiddenError) audit.refused(actor, error);
        throw error;
      }
    };

  const api = express.Router({ caseSensitive: true });
  api.get('/openapi.json', async (request, response) => {
    if (settings.strictAuth) await identifyCaller(request, response, dependencies);
    response.json(toVaultDocument(settings));
  });
  api.all('/openapi.json', refuseOtherMethods(['get']));
  for (const [path, methods] of Object.entries(ROUTES)) {
    const route = api.route(path);
    for (const [method, answer] of Object.entries(methods)) route[method as Method](answering(answer));
    route.all(refuseOtherMethods(Object.keys(methods)));
  }
  api.use(() => {
    throw new NotFoundError('The vault has no such URL. /vault/api/openapi.json describes its API.');
  });
  return api;
}

async function listServers({ response, caller, variablesOf }: Exchange): Promise<void> {
  const variables = variablesOf();
  if (!caller.scopes.allowsAnyOwnValues) throw lacksScope('vault');
  response.json((await variables.list()).map(toServerJson));
}

async function test(exchange: Exchange): Promise<void> {
  const { request, response } = exchange;
  const variables = ownVariables(exchange);
  const { ok, tools, error } = await variables.test(param(request, 'server'), { signal: signalOf(response) });
  response.json({ ok, tools, error: error ?? null });
}

async function save(
  { request, response }: Exchange,
  variables: AllowedVariables,
  read: (request: Request) => Promise<ReadonlyMap<string, string>>,
): Promise<void> {
  const signal = signalOf(response);
  const isTested = flag(request, 'test');
  await variables.save(param(request, 'server'), await read(request), { isTested, signal });
  response.status(204).end();
}

async function remove({ request, response }: Exchange, variables: AllowedVariables): Promise<void> {
  await variables.remove(param(request, 'server'), param(request, 'name'));
  response.status(204).end();
}

async function erase({ response }: Exchange, variables: AllowedVariables): Promise<void> {
  await variables.erase();
  response.status(204).end();
}

/** The caller's own variables, for the server of the URL. */
function ownVariables({ request, variablesOf }: Exchange): AllowedVariables {
  const variables = variablesOf();
  variables.requireServer(param(request, 'server'));
  return variables;
}

/** The variables of the user in the URL, for an admin. Throws `ForbiddenError`, `InvalidArgumentsError`. */
function variablesOfNamed({ request, caller, variablesOf }: Exchange): AllowedVariables {
  requireAdmin(caller);
  const { issuer = OPEN_WEBUI_ISSUER } = request.query;
  const subject = param(request, 'subject');
  if (!isIdentifier(subject)) throw notIdentifier(['path', 'subject']);
  if (!isIdentifier(issuer)) throw notIdentifier(['query', 'issuer']);
  return variablesOf({ issuer, subject });
}

function notIdentifier(loc: string[]): InvalidArgumentsError {
  const msg = 'Input should be one text of 1 to 255 characters without control characters';
  return new InvalidArgumentsError([{ type: 'string_type', loc, msg }]);
}

function flag(request: Request, name: string): boolean {
  const value = request.query[name];
  if (value === undefined || value === 'false') return false;
  if (value === 'true') return true;
  const msg = "Input should be 'true' or 'false'";
  throw new InvalidArgumentsError([{ type: 'literal_error', loc: ['query', name], msg }]);
}

function param(request: Request, name: string): string {
  const value = request.params[name];
  return typeof value === 'string' ? value : '';
}

async function readNamedValue(request: Request): Promise<ReadonlyMap<string, string>> {
  return new Map([[param(request, 'name'), await readValue(request)]]);
}

function refuseOtherMethods(methods: readonly string[]): RequestHandler {
  const allow = methods
    .map((method) => method.toUpperCase())
    .flatMap((name) => (name === 'GET' ? [name, 'HEAD'] : name));
  return () => {
    throw new MethodNotAllowedError(`This URL supports only ${allow.join(', ')}.`, [...allow, 'OPTIONS']);
  };
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
