import type { Principal } from '../auth/principal.ts';
import type { UserId, UserProfile } from '../auth/user.ts';
import type { ServerConfig, UserVariable } from '../config/server-config.ts';
import {
  CredentialsRefusedError,
  SecretUnreadableError,
  ServiceError,
  UnauthenticatedError,
  UserVariablesMissingError,
} from '../errors.ts';
import { parseUrl } from '../parse-url.ts';
import { type PlaceholderValues, userPlaceholders } from '../placeholders/resolve-template.ts';
import type { Template, UserPlaceholder } from '../placeholders/template.ts';
import type { Trace } from '../telemetry/trace.ts';
import { toLine } from './server-title.ts';
import type { UserAndChat } from './session-key.ts';

/** Where the values of the calling user come from. */
export interface ValueSource {
  /** What the owner has set for a server, by name. Rejects as `Vault.values` does. */
  variables(owner: UserId, server: string): Promise<ReadonlyMap<string, string>>;
  /** A token about the user, signed by the service. */
  userJwt(user: UserProfile, audience: string): string;
  /** The caller's own OIDC access token, if they presented one. */
  readonly callerToken: string | undefined;
  /** Where users can set their values for a server; makes a link, so it is asked for only when it is shown. */
  setupUrl(user: UserCaller['user'], server: string): Promise<string | undefined>;
}

export const NO_VALUES: ValueSource = {
  variables: async () => new Map(),
  userJwt: () => '',
  callerToken: undefined,
  setupUrl: async () => undefined,
};

/** Who calls, and where their values come from. */
export interface Caller {
  readonly principal: Principal;
  readonly values: ValueSource;
  /** The trace that the call is a part of. */
  readonly trace?: Trace | undefined;
}

/** A caller who is a user, as a server with a session for each user needs them. */
export interface UserCaller {
  readonly user: UserProfile & { readonly chatId?: string | undefined };
  /** The user has the role or the scope `admin`: what their session lists may be what all see. */
  readonly isAdmin: boolean;
  readonly values: ValueSource;
  readonly trace?: Trace | undefined;
}

/**
 * The user who calls. Throws `UnauthenticatedError` where none is known, or where the server has a session for each
 * chat and the chat is not known.
 */
export function requireUser(
  { principal, values, trace }: Caller,
  { name, isolation }: ServerConfig,
  why = 'has a session for each user',
): UserCaller {
  if (principal.kind !== 'user') {
    throw new UnauthenticatedError(
      `Server "${name}" ${why}, and this request does not say which user calls: send Open WebUI's user headers or user token with a key that may assert users, a personal key, or a token of the user.`,
      'Bearer',
    );
  }
  if (isolation === 'chat' && principal.chatId === undefined) {
    throw new UnauthenticatedError(
      `Server "${name}" has a session for each chat, and this request does not say to which chat it belongs: send the header X-OpenWebUI-Chat-Id.`,
      'Bearer',
    );
  }
  return { user: principal, isAdmin: principal.role === 'admin' || principal.scopes.allows('admin'), values, trace };
}

/** Whose session it is: a chat's, where the isolation or a placeholder separates chats. */
export function toUserAndChat({ issuer, subject, chatId }: UserCaller['user'], config: ServerConfig): UserAndChat {
  const isOfChat = config.isolation === 'chat' || placeholdersOf(config).some(({ kind }) => kind === 'chat');
  return { issuer, subject, chatId: isOfChat ? chatId : undefined };
}

/**
 * Reads what the user has set and fills in defaults; `title` names the server to the user, in errors.
 * Rejects with `UserVariablesMissingError` and the errors of the vault.
 */
export async function readUserValues(
  caller: UserCaller,
  config: ServerConfig,
  title: () => string,
): Promise<ReadonlyMap<string, string>> {
  if (config.userVars.size === 0) return new Map();
  const set = await readSetValues(caller, config.name, title);
  const { variables, missing } = completeValues(config, set);
  if (missing.length === 0) return variables;
  const url = await setupUrl(caller, config.name);
  const titles = toTitles(missing.map((name) => titleOf(config, name)));
  const next = whereToSet(url, 'set it');
  throw new UserVariablesMissingError(`${title()} needs your ${titles}: ${next}, then try again.`, missing, url);
}

/** An error about one that cannot be decrypted names the place where it can be set again. */
async function readSetValues(
  caller: UserCaller,
  server: string,
  title: () => string,
): Promise<ReadonlyMap<string, string>> {
  try {
    return await caller.values.variables(caller.user, server);
  } catch (error) {
    const url = error instanceof SecretUnreadableError ? await setupUrl(caller, server) : undefined;
    if (url === undefined) throw error;
    throw new SecretUnreadableError(
      `${title()} cannot be given what you have set, because it can no longer be decrypted: open ${url} to set it again.`,
      url,
    );
  }
}

/** What is set over the defaults, and the names of those that are missing. Only declared variables count. */
export function completeValues(
  { userVars, transport }: Pick<ServerConfig, 'userVars' | 'transport'>,
  set: ReadonlyMap<string, string>,
): { readonly variables: ReadonlyMap<string, string>; readonly missing: readonly string[] } {
  const variables = new Map<string, string>();
  const missing: string[] = [];
  const unavoidable = new Set(unavoidableTemplates(transport).flatMap(userPlaceholders).map(variableName));
  for (const [name, variable] of userVars) {
    const value = set.get(name) ?? variable.default;
    if (value !== undefined) variables.set(name, value);
    // A header without a value can be left out, a part of a url or an argument cannot.
    else if (variable.required || unavoidable.has(name)) missing.push(name);
  }
  return { variables, missing };
}

/** The values that placeholders stand for; tokens are made only where they are named. */
export function toPlaceholderValues(
  { user, values }: { user: UserCaller['user']; values: Pick<ValueSource, 'userJwt' | 'callerToken'> },
  variables: ReadonlyMap<string, string>,
  config: ServerConfig,
): PlaceholderValues {
  const { issuer, subject, email, name, username, role, groups = [], chatId } = user;
  return {
    variables,
    user: {
      id: subject,
      issuer,
      email,
      name,
      username,
      role,
      groups: groups.length === 0 ? undefined : groups.map(toListItem).join(','),
      get jwt() {
        return values.userJwt(user, audienceOf(config));
      },
      get token() {
        return values.callerToken;
      },
    },
    chatId,
  };
}

/** A comma in a group's name is encoded, so that nobody's group can be read as two. */
function toListItem(group: string): string {
  return group.replace(/[%,]/g, (character) => (character === ',' ? '%2C' : '%25'));
}

/** The error for a user whose credentials a server refused, with the place where they can set them again. */
export async function toRefusal(
  caller: UserCaller,
  config: ServerConfig,
  title: string,
  variables: ReadonlyMap<string, string>,
): Promise<CredentialsRefusedError> {
  const url = await setupUrl(caller, config.name);
  const titles = refusedTitles(config, variables);
  return new CredentialsRefusedError(`${title} refused your ${titles}: ${whereToSet(url, 'set it again')}.`, url);
}

/** The titles of the values that a server may have refused: the secret ones, or all where none is. */
export function refusedTitles(config: Pick<ServerConfig, 'userVars'>, variables: ReadonlyMap<string, string>): string {
  const names = [...variables.keys()];
  const secret = names.filter((one) => config.userVars.get(one)?.sensitive);
  return toTitles((secret.length > 0 ? secret : names).map((one) => titleOf(config, one)));
}

function whereToSet(url: string | undefined, what: string): string {
  return url === undefined ? `${what} on the vault page of this service` : `open ${url} to ${what}`;
}

/** The link of `ValueSource.setupUrl`; `undefined` if it cannot be made now. */
async function setupUrl({ user, values }: UserCaller, server: string): Promise<string | undefined> {
  try {
    return await values.setupUrl(user, server);
  } catch (error) {
    if (error instanceof ServiceError) return undefined;
    throw error;
  }
}

/** `A`, `A and B`, `A, B and C`: the admin's titles, each on one line and of bounded length. */
export function toTitles(titles: readonly string[]): string {
  const shown = titles.map((title) => toLine(title));
  const last = shown.pop() ?? 'values';
  return shown.length === 0 ? last : `${shown.join(', ')} and ${last}`;
}

export function titleOf({ userVars }: { readonly userVars: ReadonlyMap<string, UserVariable> }, name: string): string {
  return userVars.get(name)?.title ?? name;
}

/** Templates that must have a text: nothing can be left out in their place. */
function unavoidableTemplates(transport: ServerConfig['transport']): readonly Template[] {
  return transport.type === 'stdio' ? [transport.command, ...transport.args] : [transport.url];
}

/** All placeholders of a server that depend on who calls. */
export function placeholdersOf({ transport }: Pick<ServerConfig, 'transport'>): readonly UserPlaceholder[] {
  const named = transport.type === 'stdio' ? transport.env : transport.headers;
  return [...unavoidableTemplates(transport), ...named.values()].flatMap(userPlaceholders);
}

/** Who is to accept a user's token: the origin of the server's url; a program has none, so its name stands for it. */
function audienceOf({ name, transport }: ServerConfig): string {
  if (transport.type === 'stdio') return `mcpo-ts:${name}`;
  // The first text holds the whole origin: the configuration is refused otherwise.
  const [first] = transport.url;
  const url = first?.kind === 'literal' ? parseUrl(first.text) : undefined;
  return url?.origin ?? `mcpo-ts:${name}`;
}

function variableName(placeholder: UserPlaceholder): string | undefined {
  return placeholder.kind === 'user-variable' ? placeholder.name : undefined;
}
