import { ForbiddenError } from '../errors.ts';
import { matchesName } from './name-pattern.ts';
import type { Principal, UserPrincipal } from './principal.ts';
import { parseUserReference } from './user-reference.ts';

/** Who may use something: a user whom any of the lists names. All of them empty: everybody. */
export interface AccessList {
  readonly roles: readonly string[];
  /** `SUBJECT` of Open WebUI, or `ISSUER:SUBJECT`. */
  readonly users: readonly string[];
  readonly groups: readonly string[];
}

/** Who may use a server, and which of its tools are for fewer. */
export interface ServerAccess extends AccessList {
  /** By the tool's name, in which `*` stands for any characters; every entry that matches must let the user pass. */
  readonly tools?: ReadonlyMap<string, AccessList> | undefined;
}

/**
 * Lets a call pass or throws `ForbiddenError`: the principal needs the scope, and must be among those whom `access`
 * names. Where it names anybody, whoever is no user does not pass.
 */
export function requireCall(principal: Principal, server: string, tool: string, access?: ServerAccess): void {
  if (!principal.scopes.allowsCall(server, tool)) throw lacksScope(`call:${server}/${tool}`);
  if (access === undefined) return;
  if (!isAmong(access, principal)) throw notAmong(principal, `The server "${server}"`);
  for (const [pattern, list] of access.tools ?? []) {
    if (matchesName(pattern, tool) && !isAmong(list, principal)) throw notAmong(principal, `The tool "${tool}"`);
  }
}

/**
 * Whether a user is among those whom `access` names, as far as it can be told: whose role and groups are not known, as
 * after a setup link, passes where it goes by those.
 */
export function mayBeAmong(
  user: Pick<UserPrincipal, 'issuer' | 'subject'> & Partial<Pick<UserPrincipal, 'role' | 'groups'>>,
  access: AccessList | undefined,
): boolean {
  if (access === undefined) return true;
  const { issuer, subject, role, groups } = user;
  if (role === undefined && groups === undefined && access.roles.length + access.groups.length > 0) return true;
  return isAmong(access, { kind: 'user', issuer, subject, role, groups: groups ?? [] });
}

/** Throws `ForbiddenError` without the scope. */
export function requireScope(principal: Principal, scope: 'docs' | 'metrics' | 'admin'): void {
  if (!principal.scopes.allows(scope)) throw lacksScope(scope);
}

/** What tells a user in access lists. */
type Named = Pick<UserPrincipal, 'kind' | 'issuer' | 'subject' | 'role' | 'groups'>;

function isAmong(list: AccessList, principal: Exclude<Principal, UserPrincipal> | Named): boolean {
  const { roles, users, groups } = list;
  if (roles.length === 0 && users.length === 0 && groups.length === 0) return true;
  if (principal.kind !== 'user') return false;
  return (
    (principal.role !== undefined && roles.includes(principal.role)) ||
    users.some((user) => isUser(user, principal)) ||
    principal.groups.some((group) => groups.includes(group))
  );
}

function isUser(text: string, { issuer, subject }: Named): boolean {
  if (!text.endsWith(subject)) return false;
  // A name such as `urn:example` holds colons itself. For a URL the whole text would not tell the port from a subject.
  if (issuer.startsWith('urn:') && text === `${issuer}:${subject}`) return true;
  const user = parseUserReference(text);
  return user?.issuer === issuer && user.subject === subject;
}

function lacksScope(scope: string): ForbiddenError {
  return new ForbiddenError(`The key or token lacks the scope "${scope}".`);
}

function notAmong(principal: Principal, what: string): ForbiddenError {
  const who = principal.kind === 'user' ? 'this user is not among them' : 'it is not known which user calls';
  return new ForbiddenError(`${what} is for some users only, and ${who}.`);
}
