import express, {
  type ErrorRequestHandler,
  type Request,
  type RequestHandler,
  type Response,
  type Router,
} from 'express';
import { lacksScope } from '../../auth/authorize.ts';
import { isIdentifier } from '../../auth/claims.ts';
import { OPEN_WEBUI_ISSUER, type UserProfile } from '../../auth/user.ts';
import type { Settings } from '../../config/settings.ts';
import { ForbiddenError, InvalidArgumentsError, MethodNotAllowedError, NotFoundError } from '../../errors.ts';
import type { RateLimit } from '../../rate-limit/rate-limit.ts';
import type { UserVariables } from '../../servers/user-variables.ts';
import { auditedSettings } from './audited-settings.ts';
import { readValue, readValues } from './read-value.ts';
import { toServerView } from './server-settings-view.ts';
import {
  type CallerDependencies,
  identifyCaller,
  requireAdmin,
  requireLogIn,
  requireServer,
  requireUser,
  type VaultCaller,
} from './vault-caller.ts';
import { toVaultDocument } from './vault-document.ts';

export interface VaultRouteDependencies extends CallerDependencies {
  readonly settings: Pick<Settings, 'rootPath' | 'pathPrefix' | 'strictAuth'>;
  readonly userSettings: UserVariables;
  /** The limit of tool calls, which holds here too; `undefined`: none. */
  readonly callLimit: Pick<RateLimit, 'count'> | undefined;
}

/** One request by somebody who is known. */
interface Exchange {
  readonly request: Request;
  readonly response: Response;
  readonly caller: VaultCaller;
  /** Every change through it is recorded. */
  readonly settings: UserVariables;
  /** Aborts when the caller leaves. */
  readonly signal: AbortSignal;
}

type Method = 'get' | 'put' | 'post' | 'delete';
type Answer = (exchange: Exchange) => Promise<void>;

/**
 * The JSON API of the vault, to be mounted at `/vault`, in front of the page; what else is asked for there goes on to
 * the next handler, with the headers that all pages of the vault have.
 */
export function createVaultRoutes(dependencies: VaultRouteDependencies): Router {
  const { settings, userSettings, callLimit, audit } = dependencies;

  const answering =
    (answer: Answer): RequestHandler =>
    async (request, response) => {
      const leaving = new AbortController();
      response.once('close', () => leaving.abort());
      const caller = await identifyCaller(request, response, dependencies);
      await callLimit?.count(caller.id, response);
      const actor = { id: caller.id, request, response };
      try {
        const own = auditedSettings(userSettings, audit, actor);
        await answer({ request, response, caller, settings: own, signal: leaving.signal });
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
  for (const [path, methods] of Object.entries(ROUTES)) {
    const route = api.route(path);
    for (const [method, answer] of Object.entries(methods)) route[method as Method](answering(answer));
  }
  for (const [path, methods] of Object.entries({ ...ROUTES, '/openapi.json': { get: undefined } })) {
    api.all(path, otherMethods(Object.keys(methods)));
  }
  api.use(() => {
    throw new NotFoundError('The vault has no such URL; /vault/api/openapi.json describes those there are.');
  });

  const router = express.Router({ caseSensitive: true });
  router.use(pageHeaders());
  router.use('/api', api);
  router.use(undecodable);
  return router;
}

/**
 * What every answer of the pages carries. `same-origin`: under `no-referrer` browsers send `Origin: null` with forms,
 * and over plain HTTP nothing else tells where a form came from (Fetch, "append a request Origin header").
 */
function pageHeaders(): RequestHandler {
  return (_request, response, next) => {
    response.setHeader('Cache-Control', 'no-store');
    response.setHeader('Referrer-Policy', 'same-origin');
    response.setHeader('Cross-Origin-Resource-Policy', 'same-origin');
    next();
  };
}

const VARIABLES = '/servers/:server/variables';
const VARIABLE = `${VARIABLES}/:name`;

const ROUTES: Readonly<Record<string, Readonly<Partial<Record<Method, Answer>>>>> = {
  '/servers': {
    get: async ({ response, caller, settings }) => {
      const user = requireUser(caller);
      if (!caller.scopes.allowsAnyOwnValues) throw lacksScope('vault');
      const list = caller.server === undefined ? await settings.list(user) : [await settings.get(user, caller.server)];
      response.json(list.filter(({ server }) => caller.scopes.allowsOwnValues(server)).map(toServerView));
    },
  },
  [VARIABLES]: {
    post: (exchange) => postVariables(exchange, ownUser(exchange)),
  },
  [VARIABLE]: {
    put: (exchange) => putVariable(exchange, ownUser(exchange)),
    delete: (exchange) => deleteVariable(exchange, ownUser(exchange)),
  },
  '/servers/:server/test': {
    post: async (exchange) => {
      const { request, response, settings, signal } = exchange;
      const user = ownUser(exchange);
      const { ok, tools, error } = await settings.testConnection(user, param(request, 'server'), { signal });
      response.json({ ok, tools, error: error ?? null });
    },
  },
  '/me': {
    delete: async ({ response, caller, settings }) => {
      const user = requireUser(caller);
      requireLogIn(caller);
      if (!caller.scopes.allowsAllOwnValues) throw lacksScope('vault');
      await settings.erase(user);
      response.status(204).end();
    },
  },
  [`/users/:subject${VARIABLES}`]: {
    post: (exchange) => postVariables(exchange, namedUser(exchange)),
  },
  [`/users/:subject${VARIABLE}`]: {
    put: (exchange) => putVariable(exchange, namedUser(exchange)),
    delete: (exchange) => deleteVariable(exchange, namedUser(exchange)),
  },
  '/users/:subject': {
    delete: async (exchange) => {
      await exchange.settings.erase(namedUser(exchange));
      exchange.response.status(204).end();
    },
  },
};

function putVariable(exchange: Exchange, user: UserProfile): Promise<void> {
  const { request } = exchange;
  return saveVariables(exchange, user, async () => new Map([[param(request, 'name'), await readValue(request)]]));
}

function postVariables(exchange: Exchange, user: UserProfile): Promise<void> {
  return saveVariables(exchange, user, () => readValues(exchange.request));
}

async function saveVariables(
  { request, response, settings, signal }: Exchange,
  user: UserProfile,
  read: () => Promise<ReadonlyMap<string, string>>,
): Promise<void> {
  const server = param(request, 'server');
  const isTested = flag(request, 'test');
  await settings.save(user, server, await read(), { isTested, signal });
  response.status(204).end();
}

async function deleteVariable({ request, response, caller, settings }: Exchange, user: UserProfile): Promise<void> {
  requireLogIn(caller);
  await settings.remove(user, param(request, 'server'), param(request, 'name'));
  response.status(204).end();
}

/** The user who calls, about the server of the URL. Throws the errors of `requireUser` and `requireServer`. */
function ownUser({ request, caller }: Exchange): UserProfile {
  const user = requireUser(caller);
  requireServer(caller, param(request, 'server'));
  return user;
}

/** The user whom an admin names. Throws `ForbiddenError` for anybody else, `InvalidArgumentsError`. */
function namedUser({ request, caller }: Exchange): UserProfile {
  requireAdmin(caller);
  const { issuer = OPEN_WEBUI_ISSUER } = request.query;
  const subject = param(request, 'subject');
  if (!isIdentifier(subject)) throw notIdentifier(['path', 'subject']);
  if (!isIdentifier(issuer)) throw notIdentifier(['query', 'issuer']);
  return { issuer, subject };
}

function notIdentifier(loc: string[]): InvalidArgumentsError {
  const msg = 'Input should be one text of 1 to 255 characters without control characters';
  return new InvalidArgumentsError([{ type: 'string_type', loc, msg }]);
}

function flag(request: Request, name: string): boolean {
  const value = request.query[name];
  if (value === undefined || value === 'false') return false;
  if (value === 'true') return true;
  throw new InvalidArgumentsError([
    { type: 'literal_error', loc: ['query', name], msg: "Input should be 'true' or 'false'" },
  ]);
}

function param(request: Request, name: string): string {
  const value = request.params[name];
  return typeof value === 'string' ? value : '';
}

function otherMethods(methods: readonly string[]): RequestHandler {
  const allow = methods
    .map((method) => method.toUpperCase())
    .flatMap((name) => (name === 'GET' ? [name, 'HEAD'] : name));
  return () => {
    throw new MethodNotAllowedError(`This URL takes ${allow.join(', ')} only.`, [...allow, 'OPTIONS']);
  };
}

/** Express cannot decode a path such as `/%zz`. */
const undecodable: ErrorRequestHandler = (error, _request, _response, next) =>
  next(error instanceof URIError ? new NotFoundError('The URL is not well-formed, so there is nothing here.') : error);
