import { ForbiddenError } from '../errors.ts';
import { type AccessList, isAmong } from './access-list.ts';
import type { Principal } from './principal.ts';
import { ANYTHING, matchesName } from './scope.ts';
import type { Scopes } from './scopes.ts';

/** Who may use a server, and which of its tools are for fewer. */
export interface ServerAccess extends AccessList {
  /** By the tool's name, in which `*` stands for any characters; every entry that matches must let the user pass. */
  readonly tools?: ReadonlyMap<string, AccessList> | undefined;
}

/**
 * Throws `ForbiddenError` unless the principal has the scope for the tool and is on the access lists of its server and
 * of each rule that matches the tool. Callers who are not users are denied where a list exists. `tool` is the name of
 * the tool that runs; messages have `sentName`, so that a refusal does not confirm that there is such a tool.
 */
export function requireCall(
  principal: Principal,
  server: string,
  tool: string,
  access: ServerAccess | undefined,
  sentName = tool,
): void {
  const refusal = refusalOf(principal, server, tool, access, sentName);
  if (refusal !== undefined) throw refusal;
}

/**
 * For a tool that is not known yet: throws `ForbiddenError` if the principal may call none of the names that it may turn
 * out to have. `requireCall` follows once it is known.
 */
export function requireAnyCall(
  principal: Principal,
  server: string,
  names: readonly string[],
  access: ServerAccess | undefined,
): void {
  const refusals = names.map((name) => refusalOf(principal, server, name, access, name));
  if (!refusals.includes(undefined)) throw refusals[0];
}

function refusalOf(
  principal: Principal,
  server: string,
  tool: string,
  access: ServerAccess | undefined,
  sentName: string,
): ForbiddenError | undefined {
  if (!principal.scopes.allowsCall(server, tool)) return lacksScope(`call:${server}/${sentName}`);
  if (access === undefined) return undefined;
  const user = principal.kind === 'user' ? principal : undefined;
  if (!isAmong(access, user)) return notAmong(principal, `The server "${server}"`);
  for (const [pattern, list] of access.tools ?? []) {
    if (matchesName(pattern, tool) && !isAmong(list, user)) return notAmong(principal, `The tool "${sentName}"`);
  }
  return undefined;
}

/**
 * Throws `ForbiddenError` unless the principal may read the documents of all these servers: with the scope `docs`, or if
 * every tool of each may be called.
 */
export function requireDocuments(
  principal: Principal,
  servers: Iterable<{ readonly name: string; readonly config: { readonly access?: ServerAccess | undefined } }>,
): void {
  if (principal.scopes.allows('docs')) return;
  const user = principal.kind === 'user' ? principal : undefined;
  for (const { name, config } of servers) {
    const lists = [config.access ?? {}, ...(config.access?.tools?.values() ?? [])];
    if (!principal.scopes.allowsCall(name, ANYTHING)) throw lacksScope('docs', `call:${name}`);
    if (!lists.every((list) => isAmong(list, user))) throw lacksScope('docs');
  }
}

/** Throws `ForbiddenError` without the scope. */
export function requireScope(principal: Principal, scope: 'metrics' | 'admin'): void {
  if (!principal.scopes.allows(scope)) throw lacksScope(scope);
}

/** Throws `ForbiddenError` without a scope for one's own values of this server. */
export function requireOwnValues(scopes: Scopes, server: string): void {
  if (!scopes.allowsOwnValues(server)) throw lacksScope('vault');
}

/** `scopes`: each of them is enough. */
export function lacksScope(...scopes: readonly string[]): ForbiddenError {
  return new ForbiddenError(`The key or token lacks the scope ${scopes.map((scope) => `"${scope}"`).join(' or ')}.`);
}

function notAmong(principal: Principal, what: string): ForbiddenError {
  const who = principal.kind === 'user' ? 'this user is not among them' : 'it is not known which user calls';
  return new ForbiddenError(`${what} is for some users only, and ${who}.`);
}
