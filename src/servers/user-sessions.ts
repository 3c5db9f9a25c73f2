import type { UserId } from '../auth/user.ts';
import type { ServerConfig } from '../config/server-config.ts';
import { CredentialsRefusedError, ServerUnavailableError } from '../errors.ts';
import type { OpenSessionOptions, Session, SessionSettings } from '../mcp/session.ts';
import type { PlaceholderValues } from '../placeholders/resolve-template.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Redact, Redactor } from '../telemetry/redactor.ts';
import { toPoolKey } from './pool-key.ts';
import { redactError } from './redact-error.ts';
import { resolveSessionSettings } from './resolve-session-settings.ts';
import { readSource, type UserList } from './server-catalogue.ts';
import { type ServerLease, START_WAIT_MS } from './server-lease.ts';
import { SessionCatalogue, SessionCatalogues } from './session-catalogues.ts';
import type { SessionPlaces } from './session-places.ts';
import { SessionPool, type SessionRequest } from './session-pool.ts';
import { ToolListReader } from './tool-list-reader.ts';
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
const MAX_NAME_CHARACTERS = 200;

export interface UserSessionsOptions {
  readonly config: ServerConfig;
  readonly places: SessionPlaces;
  readonly openSession: (options: OpenSessionOptions) => Promise<Session>;
  readonly logger: Logger;
  readonly redactor: Redactor;
  readonly noteCredentials: (owner: UserId, server: string, isRefused: boolean) => void;
  readonly noteUse: (owner: UserId, server: string, tool: string) => void;
  /** Called before a list of tools is read; numbers the readings. */
  readonly beginReading: () => number;
  /** Told what a session lists, when it is opened and whenever that has changed. */
  readonly onList: (list: UserList) => Promise<void>;
  readonly onFault: (error: unknown) => void;
  readonly onChange: () => void;
}

/** A session of which something is left, as it is told to admins. */
export interface UserSessionFacts {
  readonly owner: UserId;
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
  readonly #catalogues: SessionCatalogues;
  readonly #catalogueOf = new WeakMap<Session, SessionCatalogue>();

  constructor(options: UserSessionsOptions) {
    const { config, places, onFault, onChange } = options;
    this.#options = options;
    this.#catalogues = new SessionCatalogues(config);
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
          catalogueOf: (session) => this.#catalogueOf.get(session)?.current,
          replace: (expired) => lease.replace(expired),
          release: () => lease.release(),
          redact: lease.redact,
          noteUse: (tool) => this.#noteUse(user.user, variables, tool),
          toTold: (error) => this.#toTold(error, user, variables, lease.redact),
        };
      } catch (error) {
        intent.end();
        const isOutdated = intent.isStale && error instanceof ServerUnavailableError;
        if (isOutdated && reading < MAX_READINGS) continue;
        // What it says of the server was redacted where the session failed to open.
        throw values === undefined ? error : await this.#toTold(error, user, values.variables, (text) => text);
      }
    }
  }

  /** Opens a user's session outside the pool, lists its tools and ends it. Throws `ServiceError`s, redacted. */
  async tryOut(caller: UserCaller, { variables }: UserValues, signal: AbortSignal): Promise<readonly string[]> {
    const { config } = this.#options;
    const placeholders = toPlaceholderValues(caller, variables, config);
    const list = async (session: Session, redact: Redact) => {
      const { tools } = await session.listTools(signal);
      return tools.map(({ name }) => redact(name, MAX_NAME_CHARACTERS));
    };
    return this.withSession(placeholders, list, signal);
  }

  /** Opens a session outside the pool for as long as `use` takes. Throws `ServiceError`s, redacted. */
  async withSession<Result>(
    values: PlaceholderValues,
    use: (session: Session, redact: Redact) => Promise<Result>,
    signal: AbortSignal,
  ): Promise<Result> {
    const { config, redactor } = this.#options;
    const release = redactor.hold(this.#secrets(values.variables));
    const redact = this.#redactFor(values.variables);
    try {
      const session = await this.#open(resolveSessionSettings(config, values), signal, redact);
      try {
        return await use(session, redact);
      } finally {
        await session.close();
      }
    } catch (error) {
      throw redactError(error, redact);
    } finally {
      release();
    }
  }

  /** Takes over which tools are enabled, at once. */
  reconfigure(config: ServerConfig): void {
    this.#catalogues.reconfigure(config);
  }

  /** Ends an owner's sessions at once, and nobody else's. */
  async endOwned({ issuer, subject }: UserId): Promise<void> {
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
      createRedact: () => this.#redactFor(variables),
      open: (signal, latest, redact) =>
        this.#openOwned(
          resolveSessionSettings(config, valuesOf(caller), () => valuesOf(latest())),
          variables,
          latest,
          signal,
          redact,
        ),
    };
  }

  async #openOwned(
    settings: SessionSettings,
    variables: ReadonlyMap<string, string>,
    latest: () => UserCaller,
    signal: AbortSignal,
    redact: Redact,
  ): Promise<Session> {
    const release = this.#options.redactor.hold(this.#secrets(variables));
    try {
      const session = await this.#open(settings, signal, redact);
      try {
        await this.#readTools(session, latest, signal, redact);
      } catch (error) {
        await session.close();
        throw error;
      }
      void session.closed.then(() => setTimeout(release, LATE_OUTPUT_MS).unref());
      return session;
    } catch (error) {
      release();
      throw redactError(error, redact);
    }
  }

  /** Reads the session's own list of tools, by which its calls are judged, now and whenever the server announces one. */
  async #readTools(session: Session, latest: () => UserCaller, signal: AbortSignal, redact: Redact): Promise<void> {
    const { beginReading, onList } = this.#options;
    const catalogue = new SessionCatalogue(this.#catalogues);
    const reader = new ToolListReader({
      read: async () => {
        const reading = beginReading();
        const source = await readSource(session, signal);
        const isAnnounced = catalogue.hasList;
        if (!catalogue.set(source)) return;
        const { user, isAdmin } = latest();
        await onList({ source, owner: user, isAdmin, isAnnounced, redact, reading });
      },
      onFailure: (error) => this.#warnOfList(redactError(error, redact)),
    });
    this.#catalogueOf.set(session, catalogue);
    session.onToolsChanged(() => reader.announce());
    void session.closed.then(() => {
      reader.stop();
      catalogue.release();
    });
    await reader.readFirst();
  }

  #warnOfList(error: unknown): void {
    const { config, logger } = this.#options;
    const reason = error instanceof Error ? error.message : 'unknown';
    logger.warn('the changed list of tools could not be read', { server: config.name, reason });
  }

  #open(settings: SessionSettings, signal: AbortSignal, redact: Redact): Promise<Session> {
    const { config, logger, openSession } = this.#options;
    return openSession({
      server: config.name,
      settings,
      startTimeoutMs: config.startTimeoutMs,
      maxResultBytes: config.maxResultBytes,
      signal,
      redact,
      logger,
      onStderrLine: (line) => logger.debug('server wrote to stderr', { server: config.name, line }),
    });
  }

  #noteUse(user: UserId, variables: ReadonlyMap<string, string>, tool: string): void {
    const { config, noteUse, noteCredentials } = this.#options;
    noteUse(user, config.name, tool);
    if (variables.size > 0) noteCredentials(user, config.name, false);
  }

  async #toTold(
    error: unknown,
    user: UserCaller,
    variables: ReadonlyMap<string, string>,
    redact: Redact,
  ): Promise<unknown> {
    const { config, noteCredentials } = this.#options;
    if (!(error instanceof CredentialsRefusedError) || variables.size === 0) return redactError(error, redact);
    noteCredentials(user.user, config.name, true);
    const url = await setupUrl(user, config.name);
    const names = [...variables.keys()];
    const secret = names.filter((name) => config.userVars.get(name)?.sensitive);
    const titles = toTitles((secret.length > 0 ? secret : names).map((name) => titleOf(config, name)));
    const next = url === undefined ? 'set it again on the vault page of this service' : `open ${url} to set it again`;
    return new CredentialsRefusedError(`${config.name} refused your ${titles}: ${next}.`, url);
  }

  /** For texts that the session's user or others are shown: without the user's values, and silent about others'. */
  #redactFor(variables: ReadonlyMap<string, string>): Redact {
    return this.#options.redactor.redactorFor(this.#secrets(variables));
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
