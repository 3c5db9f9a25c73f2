import express, { type Request, type RequestHandler, type Router } from 'express';
import { isIdentifier } from '../../auth/claims.ts';
import { OPEN_WEBUI_ISSUER, type UserId, type UserProfile } from '../../auth/user.ts';
import type { Settings } from '../../config/settings.ts';
import { ForbiddenError, InvalidArgumentsError, MethodNotAllowedError, NotFoundError } from '../../errors.ts';
import type { RateLimit } from '../../rate-limit/rate-limit.ts';
import { AllowedVariables, requireOthers, type SetupLinkUrl, type VariableDependencies } from './allowed-variables.ts';
import { type CallerDependencies, identifyCaller, type VaultCaller } from './vault-caller.ts';
import { toVaultDocument } from './vault-document.ts';
import { type Method, OPERATIONS, type Operation, param } from './vault-operations.ts';

/** Makes links that set a user's values for a server, with the host of the request. */
export interface SetupLinks {
  create(user: UserProfile, server: string, request: Request): Promise<SetupLinkUrl>;
}

export interface VaultApiDependencies extends CallerDependencies, VariableDependencies {
  readonly settings: Pick<Settings, 'rootPath' | 'pathPrefix' | 'strictAuth'>;
  readonly setupLinks: SetupLinks;
  /** The limit of tool calls, which applies here too; `undefined`: none. */
  readonly callLimit: Pick<RateLimit, 'count'> | undefined;
}

/** The JSON API of the vault, to be mounted at `/vault/api`; it answers every request there. */
export function createVaultApi(dependencies: VaultApiDependencies): Router {
  const { settings, callLimit, audit, setupLinks } = dependencies;

  const answering =
    ({ answer, sets }: Operation): RequestHandler =>
    async (request, response) => {
      const caller = await identifyCaller(request, response, dependencies);
      await callLimit?.count(caller.id, response);
      const actor = { id: caller.id, request, response };
      try {
        const server = param(request, 'server');
        const user = namedUser(request, caller, sets ? server : undefined);
        const variablesOf = (of: UserId | undefined) => new AllowedVariables(caller, actor, dependencies, of);
        if (server !== '' && sets) variablesOf(user).requireSetting(server);
        else if (server !== '') variablesOf(user).requireServer(server);
        await answer({
          request,
          response,
          caller,
          // Not made where the body says whose they are: the caller may be no user.
          get variables() {
            return variablesOf(user);
          },
          variablesOf,
          createLink: (of, name) => setupLinks.create(of, name, request),
        });
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

/**
 * The user in the URL, for a caller who may set values of others for `server`, or do more where none is given; `undefined`
 * without one. Throws `ForbiddenError`, `InvalidArgumentsError`.
 */
function namedUser(request: Request, { scopes }: VaultCaller, server: string | undefined): UserId | undefined {
  if (!('subject' in request.params)) return undefined;
  requireOthers(scopes, server);
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
