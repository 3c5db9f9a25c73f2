import type { ServerConfig } from '../config/server-config.ts';
import { CredentialsRefusedError, ServerUnavailableError } from '../errors.ts';
import type { OpenSessionOptions, Session, SessionSettings } from '../mcp/session.ts';
import type { PlaceholderValues } from '../placeholders/resolve-template.ts';
import { toPoolKey } from '../pool/pool-key.ts';
import type { SessionPlaces } from '../pool/session-places.ts';
import { SessionPool, type SessionRequest } from '../pool/session-pool.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Redactor } from '../telemetry/redactor.ts';
import type { SecretOwner } from '../vault/secret-owner.ts';
import { redactError } from './redact-error.ts';
import { resolveSessionSettings } from './resolve-session-settings.ts';
import { type ServerLease, START_WAIT_MS } from './server-lease.ts';
import {
  type Caller,
  readUserValues,
  requireUser,
  setupUrl,
  titleOf,
  toPlaceholderValues,
  toSessionOwner,
  toTitles,
  type UserCaller,
  type UserValues,
} from './user-values.ts';

/** Settings that change again and again while a call reads them: then it is told to come back. */
const MAX_READINGS = 3;
/** A child's last lines may come after its end. */
const LATE_OUTPUT_MS = 5_000;

export interface UserSessionsOptions {
  readonly config: ServerConfig;
  readonly places: SessionPlaces;
  readonly openSession: (options: OpenSessionOptions) => Promise<Session>;
  readonly logger: Logger;
  readonly redactor: Redactor;
  readonly noteCredentials: (owner: SecretOwner, server: string, isRefused: boolean) => void;
  readonly noteUse: (owner: SecretOwner, server: string, tool: string) => void;
  /** What must have worked on a new session before calls use it; `redact` takes its user's values out of texts. */
  readonly prepare: (session: Session, signal: AbortSignal, redact: (text: string) => string) => Promise<void>;
  readonly onFault: (error: unknown) => void;
  readonly onChange: () => void;
}

/** A session of which something is left, as it is told to admins. */
export interface UserSessionFacts {
  readonly owner: SecretOwner;
  readonly chatId: string | undefined;
  readonly state: string;
  /** Milliseconds since the epoch. */
  readonly lastUsedAt: number;
  readonly runningCalls: number;
}

/** The sessions of one server's users. What one of them says or fails with is told to nobody else. */
export class UserSessions {
  readonly #options: UserSessionsOptions;
  readonly #pool: SessionPool<Session, UserCaller>;

  constructor(options: UserSessionsOptions) {
    const { config, places, onFault, onChange } = options;
    this.#options = options;
    this.#pool = new SessionPool({
      server: config.name,
      maxSessions: config.maxSessions,
      idleTimeoutMs: config.idleTimeoutMs,
      waitMs: START_WAIT_MS,
      places,
      onFault,
      onChange,
    });
  }

  /**
   * Leases the caller's own session, opened with what he has set.
   * Throws `UnauthenticatedError`, `UserVariablesMissingError`, `PlaceholderValueError`, the vault's errors and those of
   * opening a session.
   */
  async acquire(caller: Caller, signal: AbortSignal): Promise<ServerLease> {
    const { config } = this.#options;
    const user = requireUser(caller, config);
    const owner = toSessionOwner(user.user, config);
    for (let reading = 1; ; reading++) {
      const intent = this.#pool.begin(owner);
      let values: UserValues | undefined;
      try {
        values = await readUserValues(user, config);
        // Never opened with values that were replaced while they were read.
        if (intent.isStale) throw settingsChanged(config.name);
        const lease = await this.#pool.acquire(this.#request(user, values), intent, signal);
        const { variables } = values;
        return {
          open: (callSignal) => lease.open(callSignal),
          replace: (expired) => lease.replace(expired),
          release: () => lease.release(),
          noteUse: (tool) => this.#noteUse(user.user, variables, tool),
          toTold: (error) => this.#toTold(error, user, variables),
        };
      } catch (error) {
        intent.end();
        const isOutdated = intent.isStale && error instanceof ServerUnavailableError;
        if (isOutdated && reading < MAX_READINGS) continue;
        throw values === undefined ? error : await this.#toTold(error, user, values.variables);
      }
    }
  }

  /** Opens a user's session outside the pool, lists its tools and ends it. Throws `ServiceError`s, redacted. */
  async tryOut(caller: UserCaller, { variables }: UserValues, signal: AbortSignal): Promise<readonly string[]> {
    const { config } = this.#options;
    const placeholders = toPlaceholderValues(caller, variables, config);
    const list = async (session: Session) => {
      const { tools } = await session.listTools(signal);
      return tools.map(({ name }) => this.#telling(variables).redact(name.slice(0, 200)));
    };
    return this.withSession(placeholders, list, signal);
  }

  /** Opens a session outside the pool for as long as `use` takes. Throws `ServiceError`s, redacted. */
  async withSession<Result>(
    values: PlaceholderValues,
    use: (session: Session) => Promise<Result>,
    signal: AbortSignal,
  ): Promise<Result> {
    const { config, redactor } = this.#options;
    const release = redactor.hold(this.#secrets(values.variables));
    try {
      const session = await this.#open(resolveSessionSettings(config, values), signal);
      try {
        return await use(session);
      } finally {
        await session.close();
      }
    } catch (error) {
      throw redactError(error, this.#telling(values.variables));
    } finally {
      release();
    }
  }

  /** Ends an owner's sessions at once, and nobody else's. */
  async endOwned({ issuer, subject }: SecretOwner): Promise<void> {
    await this.#pool.endOwned([issuer, subject]);
  }

  async endAll(): Promise<void> {
    await this.#pool.endAll();
  }

  async close(): Promise<void> {
    await this.#pool.close();
  }

  list(): readonly UserSessionFacts[] {
    return this.#pool.list().map(({ owner: [issuer = '', subject = '', chatId], state, calls, lastUsedAt }) => ({
      owner: { issuer, subject },
      chatId,
      state,
      lastUsedAt,
      runningCalls: calls,
    }));
  }

  #request(caller: UserCaller, { variables }: UserValues): SessionRequest<Session, UserCaller> {
    const { config } = this.#options;
    const owner = toSessionOwner(caller.user, config);
    const valuesOf = (who: UserCaller) => toPlaceholderValues(who, variables, config);
    const settings = resolveSessionSettings(config, valuesOf(caller));
    return {
      key: toPoolKey(config.name, owner, settings),
      owner,
      caller,
      redact: (text) => this.#telling(variables).redact(text),
      open: (signal, latest) =>
        this.#openOwned(
          resolveSessionSettings(config, valuesOf(caller), () => valuesOf(latest())),
          variables,
          signal,
        ),
    };
  }

  async #openOwned(
    settings: SessionSettings,
    variables: ReadonlyMap<string, string>,
    signal: AbortSignal,
  ): Promise<Session> {
    const release = this.#options.redactor.hold(this.#secrets(variables));
    try {
      const session = await this.#open(settings, signal);
      try {
        await this.#options.prepare(session, signal, (text) => this.#telling(variables).redact(text));
      } catch (error) {
        await session.close();
        throw error;
      }
      void session.closed.then(() => setTimeout(release, LATE_OUTPUT_MS).unref());
      return session;
    } catch (error) {
      const told = redactError(error, this.#telling(variables));
      release();
      throw told;
    }
  }

  #open(settings: SessionSettings, signal: AbortSignal): Promise<Session> {
    const { config, logger, openSession } = this.#options;
    return openSession({
      server: config.name,
      settings,
      startTimeoutMs: config.startTimeoutMs,
      maxResultBytes: config.maxResultBytes,
      signal,
      logger,
      onStderrLine: (line) => logger.debug('server wrote to stderr', { server: config.name, line }),
    });
  }

  #noteUse(user: SecretOwner, variables: ReadonlyMap<string, string>, tool: string): void {
    const { config, noteUse, noteCredentials } = this.#options;
    noteUse(user, config.name, tool);
    if (variables.size > 0) noteCredentials(user, config.name, false);
  }

  async #toTold(error: unknown, user: UserCaller, variables: ReadonlyMap<string, string>): Promise<unknown> {
    const { config, noteCredentials } = this.#options;
    if (!(error instanceof CredentialsRefusedError) || variables.size === 0)
      return redactError(error, this.#telling(variables));
    noteCredentials(user.user, config.name, true);
    const url = await setupUrl(user, config.name);
    const names = [...variables.keys()];
    const secret = names.filter((name) => config.userVars.get(name)?.sensitive);
    const titles = toTitles((secret.length > 0 ? secret : names).map((name) => titleOf(config, name)));
    const next = url === undefined ? 'set it again on the vault page of this service' : `open ${url} to set it again`;
    return new CredentialsRefusedError(`${config.name} refused your ${titles}: ${next}.`, url);
  }

  /** For texts that the session's user or others are told: without his values, and silent about those of others. */
  #telling(variables: ReadonlyMap<string, string>): Pick<Redactor, 'redact'> {
    return this.#options.redactor.telling(this.#secrets(variables));
  }

  /** The values that no text may hold. */
  #secrets(variables: ReadonlyMap<string, string>): readonly string[] {
    const { userVars } = this.#options.config;
    return [...variables].filter(([name]) => userVars.get(name)?.sensitive).map(([, value]) => value);
  }
}

function settingsChanged(server: string): ServerUnavailableError {
  return new ServerUnavailableError(`Your settings for server "${server}" are being changed. Try again later.`, 1);
}
