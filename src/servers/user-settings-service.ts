import { toUserKey, type UserId, type UserProfile } from '../auth/user.ts';
import type { ServerConfig } from '../config/server-config.ts';
import {
  CredentialsRefusedError,
  NotFoundError,
  RateLimitedError,
  SecretUnreadableError,
  ServiceError,
  UserVariableTestError,
} from '../errors.ts';
import type { Session } from '../mcp/session.ts';
import type { Redact } from '../telemetry/redactor.ts';
import type { RefusedCredentials, SecretFacts, Vault } from '../vault/vault.ts';
import { withUserSession } from './open-server-session.ts';
import type { Server } from './server.ts';
import type { ServerRegistry } from './server-registry.ts';
import type { ServerUserSettings, SettingsTest, UserSettings, UserSettingsStatus } from './user-settings.ts';
import { completeValues, titleOf, toPlaceholderValues, toTitles, type UserCaller } from './user-values.ts';
import { checkVariableValue } from './user-variable-value.ts';

const MAX_TESTS_PER_USER = 2;
/** Tests start processes beside the pool's. */
const MAX_TESTS = 16;
const RECENT_USES = 50;
const MAX_NAME_CHARACTERS = 200;

export interface UserSettingsOptions {
  readonly vault: Pick<
    Vault,
    'values' | 'set' | 'remove' | 'erase' | 'facts' | 'refused' | 'recentUses' | 'noteCredentials'
  >;
  readonly registry: Pick<ServerRegistry, 'get' | 'list'>;
  /** Whether the server's access lists let this user pass. */
  readonly mayUse: (user: UserProfile, config: ServerConfig) => boolean;
  /** A token about the user, as a call would send it. */
  readonly userJwt: (user: UserProfile, audience: string) => string;
}

/** What users and admins do with user variables, over the vault and the servers as they are configured now. */
export function createUserSettings(options: UserSettingsOptions): UserSettings {
  return new VaultUserSettings(options);
}

class VaultUserSettings implements UserSettings {
  readonly #options: UserSettingsOptions;
  readonly #tests = new Map<string, number>();

  constructor(options: UserSettingsOptions) {
    this.#options = options;
  }

  async list(user: UserProfile): Promise<readonly ServerUserSettings[]> {
    const { vault, registry } = this.#options;
    const servers = registry.list().filter((server) => this.#concerns(user, server));
    const [facts, refused] = await Promise.all([vault.facts(user), vault.refused(user)]);
    return servers.map((server) => toSettings(server, facts, refused));
  }

  async get(user: UserProfile, server: string): Promise<ServerUserSettings> {
    const { vault } = this.#options;
    const registered = this.#require(user, server);
    const [facts, refused] = await Promise.all([vault.facts(user), vault.refused(user)]);
    return toSettings(registered, facts, refused);
  }

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
      const { error } = await this.test(user, server, { ...options, candidates: values });
      if (error !== undefined) throw new UserVariableTestError(`${error.replace(/\.$/, '')}; nothing was saved.`);
    }
    await vault.set(user, server, values);
    if (values.size > 0) vault.noteCredentials(user, server, false);
  }

  async remove(user: UserProfile, server: string, name: string): Promise<boolean> {
    const { config } = this.#require(user, server);
    requireVariable(config, name);
    return this.#options.vault.remove(user, server, name);
  }

  async test(
    user: UserProfile,
    server: string,
    options: { readonly candidates?: ReadonlyMap<string, string>; readonly signal?: AbortSignal } = {},
  ): Promise<SettingsTest> {
    const registered = this.#require(user, server);
    const { candidates = new Map<string, string>() } = options;
    checkValues(registered.config, candidates);
    const leave = this.#enterTest(user);
    try {
      return await this.#try(user, registered, candidates, options.signal);
    } finally {
      leave();
    }
  }

  async recentUses(user: UserId) {
    return this.#options.vault.recentUses(user, RECENT_USES);
  }

  async erase(user: UserId): Promise<number> {
    return this.#options.vault.erase(user);
  }

  async #try(
    user: UserProfile,
    server: Server,
    candidates: ReadonlyMap<string, string>,
    signal: AbortSignal | undefined,
  ): Promise<SettingsTest> {
    const { vault, userJwt } = this.#options;
    const { config } = server;
    const values = completeValues(config, new Map([...(await this.#setValues(user, config.name)), ...candidates]));
    const titles = (names: Iterable<string>) => toTitles([...names].map((name) => titleOf(config, name)));
    if (values.missing.length > 0) return failed(`${config.name} needs your ${titles(values.missing)} first.`);
    const timeUp = AbortSignal.timeout(config.startTimeoutMs);
    try {
      const tools = await testConnection(
        server,
        {
          // A chat of its own, so that no chat's session is disturbed.
          user: { ...user, chatId: 'mcpo-ts-test' },
          isAdmin: false,
          values: {
            variables: async () => values.variables,
            userJwt,
            callerToken: undefined,
            setupUrl: async () => undefined,
          },
        },
        values.variables,
        signal === undefined ? timeUp : AbortSignal.any([signal, timeUp]),
      );
      if (candidates.size === 0) vault.noteCredentials(user, config.name, false);
      return { ok: true, tools, error: undefined };
    } catch (error) {
      if (error instanceof CredentialsRefusedError) {
        return failed(`${config.name} refused your ${titles(values.variables.keys())}: check it and save it again.`);
      }
      if (!(error instanceof ServiceError)) throw error;
      if (timeUp.aborted) return failed(`${config.name} did not answer within ${config.startTimeoutMs / 1000} s.`);
      return failed(`${config.name} could not be tried: ${error.message.replace(/\.$/, '')}.`);
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

  #enterTest(user: UserId): () => void {
    const key = toUserKey(user);
    const running = this.#tests.get(key) ?? 0;
    const all = [...this.#tests.values()].reduce((sum, count) => sum + count, 0);
    if (running >= MAX_TESTS_PER_USER || all >= MAX_TESTS) {
      throw new RateLimitedError('Too many tests are running; wait until they are done.', 5);
    }
    this.#tests.set(key, running + 1);
    return () => {
      const left = (this.#tests.get(key) ?? 1) - 1;
      if (left > 0) this.#tests.set(key, left);
      else this.#tests.delete(key);
    };
  }

  #require(user: UserProfile, name: string): Server {
    const server = this.#options.registry.get(name);
    if (server !== undefined && this.#concerns(user, server)) return server;
    throw new NotFoundError('There is no server of this name that asks you for values.');
  }

  #concerns(user: UserProfile, { config }: Server): boolean {
    return config.isolation !== 'shared' && config.userVars.size > 0 && this.#options.mayUse(user, config);
  }
}

function toSettings(
  { config, catalogue }: Server,
  allFacts: readonly SecretFacts[],
  allRefused: readonly RefusedCredentials[],
): ServerUserSettings {
  const facts = new Map(allFacts.filter(({ server }) => server === config.name).map((fact) => [fact.name, fact]));
  const refusedSince = allRefused.find(({ server }) => server === config.name)?.since;
  const variables = [...config.userVars].map(([name, variable]) => {
    const fact = facts.get(name);
    return {
      name,
      variable,
      isSet: fact !== undefined,
      isReadable: fact?.isReadable ?? true,
      updatedAt: fact?.updatedAt,
      lastUsedAt: fact?.lastUsedAt,
      lastFour: fact?.lastFour,
    };
  });
  const set = new Map([...facts.keys()].map((name) => [name, '']));
  const isMissing = completeValues(config, set).missing.length > 0;
  const isUnreadable = variables.some(({ isReadable }) => !isReadable);
  const status: UserSettingsStatus = isUnreadable
    ? 'unreadable'
    : isMissing
      ? 'missing'
      : refusedSince === undefined
        ? 'ready'
        : 'failing';
  return {
    server: config.name,
    title: toTitles([catalogue?.serverInfo.title ?? config.name]),
    variables,
    status,
    refusedSince,
  };
}

/** Opens a user's session with these values, lists the tools and ends it; returns their names. */
async function testConnection(
  { config, dependencies }: Server,
  user: UserCaller,
  variables: ReadonlyMap<string, string>,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const list = async (session: Session, redact: Redact) => {
    const { tools } = await session.listTools(signal);
    return tools.map(({ name }) => redact(name, MAX_NAME_CHARACTERS));
  };
  return withUserSession(config, dependencies, toPlaceholderValues(user, variables, config), list, signal);
}

function checkValues(config: ServerConfig, values: ReadonlyMap<string, string>): void {
  for (const [name, value] of values) checkVariableValue(name, requireVariable(config, name), value, config);
}

function requireVariable({ userVars }: ServerConfig, name: string) {
  const variable = userVars.get(name);
  if (variable === undefined) throw new NotFoundError('This server has no user variable of this name.');
  return variable;
}

function failed(error: string): SettingsTest {
  return { ok: false, tools: [], error };
}
