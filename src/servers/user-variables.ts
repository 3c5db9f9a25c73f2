import { toUserKey, type UserId, type UserProfile } from '../auth/user.ts';
import type { ServerConfig, UserVariable } from '../config/server-config.ts';
import {
  CredentialsRefusedError,
  NotFoundError,
  RateLimitedError,
  SecretUnreadableError,
  ServiceError,
  UserVariableTestError,
} from '../errors.ts';
import { FairTurns } from '../turns/fair-turns.ts';
import type { RefusedCredentials, SecretFacts, ToolUse, Vault } from '../vault/vault.ts';
import { publishedTools, toCatalogue } from './catalogue.ts';
import { withUserSession } from './open-server-session.ts';
import type { Server } from './server.ts';
import type { ServerRegistry } from './server-registry.ts';
import { readSource } from './tool-list-reader.ts';
import { completeValues, refusedTitles, titleOf, toPlaceholderValues, toTitles } from './user-values.ts';
import { checkVariableValue } from './user-variable-value.ts';

const MAX_TESTS_PER_USER = 2;
/** Tests start processes that the quota of sessions does not count. */
const MAX_TESTS = 16;
const RECENT_USES = 50;
/** Somebody waits for it at a page. */
const MAX_TEST_MS = 60_000;
const MAX_NAME_CHARACTERS = 200;

/** A user variable and what is known of its value, which is never shown. Times are milliseconds since the epoch. */
export interface UserVariableState {
  readonly name: string;
  readonly variable: UserVariable;
  readonly isSet: boolean;
  readonly isReadable: boolean;
  readonly updatedAt: number | undefined;
  readonly lastUsedAt: number | undefined;
  readonly lastFour: string | undefined;
}

/** One server's variables, as one user has set them. */
export interface ServerVariables {
  readonly server: string;
  readonly title: string;
  readonly variables: readonly UserVariableState[];
  /** `missing`: a required value is not set; `failing`: the server refused what is set; `unreadable`: see `SecretFacts`. */
  readonly status: 'ready' | 'missing' | 'failing' | 'unreadable';
  /** Since when the server refuses what is set. */
  readonly refusedSince: number | undefined;
}

export interface ConnectionTest {
  readonly ok: boolean;
  /** Names of the tools that were listed. */
  readonly tools: readonly string[];
  /** One public sentence; `undefined` on success. */
  readonly error: string | undefined;
}

export interface UserVariablesOptions {
  readonly vault: Pick<
    Vault,
    'values' | 'set' | 'remove' | 'erase' | 'facts' | 'refused' | 'recentUses' | 'noteCredentials' | 'knows'
  >;
  readonly registry: Pick<ServerRegistry, 'servers' | 'list'>;
  /** Whether the server's access lists allow this user. */
  readonly mayUse: (user: UserProfile, config: ServerConfig) => boolean;
  /** A token about the user, as a call would send it. */
  readonly userJwt: (user: UserProfile, audience: string) => string;
}

/** What the pages and the JSON API need of `VaultUserVariables`. */
export type UserVariables = Pick<VaultUserVariables, keyof VaultUserVariables>;

/** What users and admins do with user variables, over the vault and the servers as they are configured now. */
export class VaultUserVariables {
  readonly #options: UserVariablesOptions;
  /** None waits: a person tries again. */
  readonly #tests = new FairTurns({ maxRunning: MAX_TESTS, maxRunningOfOne: MAX_TESTS_PER_USER, maxWaiting: 0 });

  constructor(options: UserVariablesOptions) {
    this.#options = options;
  }

  /** The servers that ask the user for values and that they may use, in the order of the servers file. */
  async list(user: UserProfile): Promise<readonly ServerVariables[]> {
    const { vault, registry } = this.#options;
    const servers = registry.list().filter((server) => this.#concerns(user, server));
    const [facts, refused] = await Promise.all([vault.facts(user), vault.refused(user)]);
    return servers.map((server) => toServerVariables(server, facts, refused));
  }

  /** One of them. Throws `NotFoundError`. */
  async get(user: UserProfile, server: string): Promise<ServerVariables> {
    const { vault } = this.#options;
    const registered = this.#require(user, server);
    const [facts, refused] = await Promise.all([vault.facts(user), vault.refused(user)]);
    return toServerVariables(registered, facts, refused);
  }

  /**
   * What a user has set for variables that are not sensitive, by server and name: for the user's own eyes. Values that
   * cannot be decrypted are left out.
   */
  async plainValues(user: UserProfile): Promise<ReadonlyMap<string, ReadonlyMap<string, string>>> {
    const servers = this.#options.registry.list().filter((server) => this.#concerns(user, server));
    const plain = servers.flatMap(({ config: { name, userVars } }) => {
      const names = [...userVars].filter(([, { sensitive }]) => !sensitive).map(([variable]) => variable);
      return names.length === 0 ? [] : [{ name, names }];
    });
    return new Map(
      await Promise.all(
        plain.map(async ({ name, names }) => {
          const set = await this.#setValues(user, name);
          return [name, new Map([...set].filter(([variable]) => names.includes(variable)))] as const;
        }),
      ),
    );
  }

  /**
   * Checks the values and stores all of them or none, after a test if `isTested`. Throws `NotFoundError` for an unknown
   * server or variable, `UserVariableValueError`, and `UserVariableTestError` when the test fails: then nothing was
   * stored. After `VaultUnavailableError` it is not known whether they were.
   */
  async save(
    user: UserProfile,
    server: string,
    values: ReadonlyMap<string, string>,
    options: { readonly isTested?: boolean; readonly signal?: AbortSignal } = {},
  ): Promise<void> {
    const { vault } = this.#options;
    const { config } = this.#require(user, server);
    checkValues(config, values);
    if (options.isTested) {
      const { error } = await this.testConnection(user, server, { ...options, candidates: values });
      if (error !== undefined) throw new UserVariableTestError(`${error.replace(/\.$/, '')}; nothing was saved.`);
    }
    await vault.set(user, server, values);
  }

  /** `false` when nothing was set. Throws `NotFoundError`. */
  async remove(user: UserProfile, server: string, name: string): Promise<boolean> {
    const { config } = this.#require(user, server);
    requireVariable(config, name);
    return this.#options.vault.remove(user, server, name);
  }

  /** Opens a session with what is set, or with `candidates` in its place, lists the tools and ends it. */
  async testConnection(
    user: UserProfile,
    server: string,
    options: { readonly candidates?: ReadonlyMap<string, string>; readonly signal?: AbortSignal } = {},
  ): Promise<ConnectionTest> {
    const registered = this.#require(user, server);
    const { candidates = new Map<string, string>() } = options;
    checkValues(registered.config, candidates);
    const refuse = () => new RateLimitedError('Too many tests are running; wait until they are done.', 5);
    const { signal = new AbortController().signal } = options;
    return this.#tests.run(toUserKey(user), signal, () => this.#test(user, registered, candidates, signal), refuse);
  }

  async recentUses(user: UserId): Promise<readonly ToolUse[]> {
    return this.#options.vault.recentUses(user, RECENT_USES);
  }

  /** Whether anything is known of a user; an id that was misspelt names nobody. */
  isKnown(user: UserId): Promise<boolean> {
    return this.#options.vault.knows(user);
  }

  /** Erases everything of a user; returns how many secrets there were. */
  async erase(user: UserId): Promise<number> {
    return this.#options.vault.erase(user);
  }

  async #test(
    user: UserProfile,
    { config, title, generations: { dependencies } }: Server,
    candidates: ReadonlyMap<string, string>,
    signal: AbortSignal,
  ): Promise<ConnectionTest> {
    const { vault, userJwt } = this.#options;
    const set = await this.#setValues(user, config.name);
    const { variables, missing } = completeValues(config, new Map([...set, ...candidates]));
    if (missing.length > 0)
      return failed(`${title} needs your ${toTitles(missing.map((name) => titleOf(config, name)))} first.`);
    // The session is everybody's, and the values are first used with a call.
    if (config.isolation === 'shared') return { ok: true, tools: [], error: undefined };
    const timeoutMs = Math.min(config.startTimeoutMs, MAX_TEST_MS);
    const timeUp = AbortSignal.timeout(timeoutMs);
    const either = AbortSignal.any([signal, timeUp]);
    // A chat of its own, so that no chat's session is disturbed.
    const caller = { ...user, chatId: 'mcpo-ts-test' };
    const values = toPlaceholderValues(
      { user: caller, values: { userJwt, callerToken: undefined } },
      variables,
      config,
    );
    try {
      const tools = await withUserSession(
        config,
        dependencies,
        values,
        async (session, redact) =>
          publishedTools(toCatalogue(await readSource(session, either), config)).map(({ definition: { name } }) =>
            redact(name, MAX_NAME_CHARACTERS),
          ),
        either,
      );
      if (candidates.size === 0) vault.noteCredentials(user, config.name, false);
      return { ok: true, tools, error: undefined };
    } catch (error) {
      if (error instanceof CredentialsRefusedError) {
        const answer = error.httpStatus === undefined ? '' : ` (HTTP ${error.httpStatus})`;
        return failed(`${title} refused your ${refusedTitles(config, variables)}${answer}.`);
      }
      if (!(error instanceof ServiceError)) throw error;
      if (timeUp.aborted) return failed(`${title} did not answer within ${timeoutMs / 1000} s.`);
      return failed(`The connection test of ${title} failed: ${error.message.replace(/\.$/, '')}.`);
    }
  }

  /** One that cannot be read counts as missing, so that it can be replaced. */
  async #setValues(user: UserProfile, server: string): Promise<ReadonlyMap<string, string>> {
    try {
      return await this.#options.vault.values(user, server);
    } catch (error) {
      if (error instanceof SecretUnreadableError) return new Map();
      throw error;
    }
  }

  #require(user: UserProfile, name: string): Server {
    const server = this.#options.registry.servers.get(name);
    if (server !== undefined && this.#concerns(user, server)) return server;
    throw new NotFoundError('There is no server of this name that asks you for values.');
  }

  #concerns(user: UserProfile, { config }: Server): boolean {
    const hasUse = config.isolation !== 'shared' || config.callMeta.size > 0;
    return hasUse && config.userVars.size > 0 && this.#options.mayUse(user, config);
  }
}

function toServerVariables(
  server: Server,
  allFacts: readonly SecretFacts[],
  allRefused: readonly RefusedCredentials[],
): ServerVariables {
  const { config, title } = server;
  const facts = new Map(allFacts.filter(({ server }) => server === config.name).map((fact) => [fact.name, fact]));
  const refusedSince = allRefused.find(({ server }) => server === config.name)?.since;
  const variables = [...config.userVars].map(([name, variable]) => {
    const { isReadable = true, updatedAt, lastUsedAt, lastFour } = facts.get(name) ?? {};
    return { name, variable, isSet: facts.has(name), isReadable, updatedAt, lastUsedAt, lastFour };
  });
  const { missing } = completeValues(config, new Map([...facts.keys()].map((name) => [name, ''])));
  const isUnreadable = variables.some(({ isReadable }) => !isReadable);
  const whenSet = refusedSince === undefined ? 'ready' : 'failing';
  const status = isUnreadable ? 'unreadable' : missing.length > 0 ? 'missing' : whenSet;
  return { server: config.name, title, variables, status, refusedSince };
}

function checkValues(config: ServerConfig, values: ReadonlyMap<string, string>): void {
  for (const [name, value] of values) checkVariableValue(name, requireVariable(config, name), value, config);
}

function requireVariable({ userVars }: ServerConfig, name: string): UserVariable {
  const variable = userVars.get(name);
  if (variable === undefined) throw new NotFoundError('This server has no user variable of this name.');
  return variable;
}

function failed(error: string): ConnectionTest {
  return { ok: false, tools: [], error };
}
