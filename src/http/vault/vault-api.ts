import express, { type Request, type RequestHandler, type Router } from 'express';
import { isIdentifier } from '../../auth/claims.ts';
import { OPEN_WEBUI_ISSUER, type UserId } from '../../auth/user.ts';
import type { Settings } from '../../config/settings.ts';
import { ForbiddenError, InvalidArgumentsError, MethodNotAllowedError, NotFoundError } from '../../errors.ts';
import type { RateLimit } from '../../rate-limit/rate-limit.ts';
import { AllowedVariables, requireAdmin, type VariableDependencies } from './allowed-variables.ts';
import { type CallerDependencies, identifyCaller, type VaultCaller } from './vault-caller.ts';
import { toVaultDocument } from './vault-document.ts';
import { type Method, OPERATIONS, type Operation, param } from './vault-operations.ts';

export interface VaultApiDependencies extends CallerDependencies, VariableDependencies {
  readonly settings: Pick<Settings, 'rootPath' | 'pathPrefix' | 'strictAuth'>;
  /** The limit of tool calls, which applies here too; `undefined`: none. */
  readonly callLimit: Pick<RateLimit, 'count'> | undefined;
}

/** The JSON API of the vault, to be mounted at `/vault/api`; it answers every request there. */
export function createVaultApi(dependencies: VaultApiDependencies): Router {
  const { settings, callLimit, audit } = dependencies;

  const answering =
    ({ answer }: Operation): RequestHandler =>
    async (request, response) => {
      const caller = await identifyCaller(request, response, dependencies);
      await callLimit?.count(caller.id, response);
      const actor = { id: caller.id, request, response };
      try {
        const user = namedUser(request, caller);
        const variables = new AllowedVariables(caller, actor, dependencies, user);
        const server = param(request, 'server');
        if (server !== '') variables.requireServer(server);
        await answer({ request, response, caller, variables });
      } catch (error) {
        if (error instanceof ForbiddenError) audit?.refused(actor, error);
        throw error;
      }
    };

  const api = express.Router({ caseSensitive: true });
  api.get('/openapi.json', async (request, response) => {
    if (settings.strictAuth) await identifyCaller(request, response, dependencies);
    response.json(toVaultDocument(settings));
  });
  api.all('/openapi.json', refuseOtherMethods(['get']));
  for (const [path, operations] of Object.entries(OPERATIONS)) {
    const route = api.route(path.replaceAll(/\{(\w+)\}/g, ':$1'));
    for (const [method, operation] of Object.entries(operations)) route[method as Method](answering(operation));
    route.all(refuseOtherMethods(Object.keys(operations)));
  }
  api.use(() => {
    throw new NotFoundError('The vault has no such URL. /vault/api/openapi.json describes its API.');
  });
  return api;
}

/** The user in the URL, for an admin; `undefined` without one. Throws `ForbiddenError`, `InvalidArgumentsError`. */
function namedUser(request: Request, caller: VaultCaller): UserId | undefined {
  if (!('subject' in request.params)) return undefined;
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

function refuseOtherMethods(methods: readonly string[]): RequestHandler {
  const allow = methods
    .map((method) => method.toUpperCase())
    .flatMap((name) => (name === 'GET' ? [name, 'HEAD'] : name));
  return () => {
    throw new MethodNotAllowedError(`This URL supports only ${allow.join(', ')}.`, [...allow, 'OPTIONS']);
  };
}
