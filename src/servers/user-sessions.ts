import type { UserId } from '../auth/user.ts';
import type { ServerConfig } from '../config/server-config.ts';
import { CallCancelledError, CredentialsRefusedError, ServerUnavailableError } from '../errors.ts';
import type { Redact } from '../telemetry/redactor.ts';
import { FailureMemory } from './failure-memory.ts';
import { redactError } from './failure-reason.ts';
import type { PingTimes } from './idle-watch.ts';
import type { SessionHold } from './lease.ts';
import { openListedSession, type SessionListing } from './open-listed-session.ts';
import { secretsOf } from './open-server-session.ts';
import { resolveSessionSettings } from './resolve-session-settings.ts';
import type { ServerCatalogue } from './server-catalogue.ts';
import type { SessionFacts } from './server-status.ts';
import { titleOfServer } from './server-title.ts';
import type { SessionDependencies } from './session-dependencies.ts';
import { isSameOwner, type SessionKey, toSessionKey, type UserAndChat } from './session-key.ts';
import type { SessionQuota } from './session-quota.ts';
import { UserSession } from './user-session.ts';
import {
  type Caller,
  readUserValues,
  requireUser,
  toPlaceholderValues,
  toRefusal,
  toUserAndChat,
  type UserCaller,
} from './user-values.ts';

/** A user's values may change again and again while a call reads them; then it is asked to come back. */
const MAX_READINGS = 3;

/** Below the minute after which most proxies give up: in the morning many sessions start, one after the other. */
const CALL_WAIT_MS = 50_000;

type Variables = ReadonlyMap<string, string>;

export interface UserSessionsOptions {
  readonly config: ServerConfig;
  readonly dependencies: Pick<
    SessionDependencies,
    'openSession' | 'logger' | 'redactor' | 'noteStderr' | 'noteCredentials' | 'noteUse'
  >;
  readonly quota: SessionQuota;
  /** Each session's list is offered to it. */
  readonly catalogue: Pick<ServerCatalogue, 'begin' | 'offer' | 'current'>;
  /** Called when a session that was open has announced another list of tools. */
  readonly onAnnouncedList: () => void;
  /** How long a call waits for the quota and an open session, in milliseconds. */
  readonly waitMs?: number | undefined;
  readonly pingTimes?: PingTimes | undefined;
}

/** A call from before its user's values are read, so that it notices when they change meanwhile. */
interface PendingAcquire {
  readonly owner: UserAndChat;
  /** The owner's sessions were ended since: what was read may be out of date. */
  isStale: boolean;
}

/** Which session a call needs. */
interface WantedSession {
  readonly key: SessionKey;
  readonly owner: UserAndChat;
  readonly caller: UserCaller;
  readonly variables: Variables;
}

/**
 * The sessions of one server's users: one for each key, which is made of the server, the owner and the settings. What
 * one of them lists or fails with is shown to no other user.
 */
export class UserSessions {
  readonly #options: UserSessionsOptions;
  readonly #byKey = new Map<SessionKey, UserSession>();
  /** Every session of which something is left. */
  readonly #all = new Set<UserSession>();
  readonly #pending = new Set<PendingAcquire>();
  readonly #failures = new FailureMemory();
  readonly #listing: SessionListing;
  #toolRules: ServerConfig;
  #isStopped = false;

  constructor(options: UserSessionsOptions) {
    this.#options = options;
    this.#toolRules = options.config;
    this.#listing = {
      ...options,
      toolRules: () => this.#toolRules,
      listed: () => [...this.#all].map(({ tools }) => tools),
    };
  }

  /**
   * Holds the caller's own session, opened with the values they have set, and waits until it is open.
   * Throws `UnauthenticatedError`, `UserVariablesMissingError`, `PlaceholderValueError`, the vault's errors and those of
   * opening a session: refused credentials, `ServerUnavailableError` beyond the quota or in the delay after a failure,
   * and `CallCancelledError`.
   */
  async acquire(caller: Caller, signal: AbortSignal): Promise<SessionHold> {
    const { config } = this.#options;
    const user = requireUser(caller, config);
    const owner = toUserAndChat(user.user, config);
    for (let reading = 1; ; reading++) {
      const pending: PendingAcquire = { owner, isStale: false };
      this.#pending.add(pending);
      let variables: Variables = new Map();
      let hold: SessionHold | undefined;
      try {
        variables = await readUserValues(user, config, () => this.#title);
        // Never opened with values that were replaced while they were read.
        if (pending.isStale) {
          throw new ServerUnavailableError(
            `Your settings for server "${config.name}" are being changed. Try again later.`,
            1,
          );
        }
        if (signal.aborted) throw new CallCancelledError('The caller left before the session was opened.');
        hold = this.#hold(pending, user, variables);
        await hold.whenOpen(signal);
        return hold;
      } catch (error) {
        hold?.release?.();
        this.#pending.delete(pending);
        const isOutdated = pending.isStale && error instanceof ServerUnavailableError;
        if (isOutdated && reading < MAX_READINGS) continue;
        // What it says of the server was redacted where the session failed to open.
        throw await this.#toPublicError(error, user, variables, (text) => text);
      }
    }
  }

  /** Takes over which tools are enabled, at once. */
  reconfigure(config: ServerConfig): void {
    this.#toolRules = config;
    for (const { tools } of this.#all) tools?.reconfigure(config);
  }

  /** Ends a user's sessions at once, those of every chat, and no other user's; resolves when nothing of them is left. */
  async endOwned({ issuer, subject }: UserId): Promise<void> {
    await this.#end((owner) => owner.issuer === issuer && owner.subject === subject);
  }

  /** Ends every session at once; the next call opens a new one. */
  async endAll(): Promise<void> {
    await this.#end(() => true);
  }

  /** Ends every session and opens no other. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.endAll();
  }

  facts(): readonly SessionFacts[] {
    return [...this.#all].map(({ owner: { issuer, subject, chatId }, state, lastUsedAt, calls, pid }) => {
      return { owner: { issuer, subject }, chatId, state, lastUsedAt, runningCalls: calls, pid };
    });
  }

  get #title(): string {
    return titleOfServer(this.#toolRules, this.#options.catalogue.current?.serverInfo);
  }

  #hold(pending: PendingAcquire, caller: UserCaller, variables: Variables): SessionHold {
    const { config, dependencies, waitMs = CALL_WAIT_MS } = this.#options;
    const settings = resolveSessionSettings(config, toPlaceholderValues(caller, variables, config));
    const { owner } = pending;
    const wanted = { key: toSessionKey(config.name, owner, settings), owner, caller, variables };
    let session = this.#join(wanted);
    let isReleased = false;
    return {
      get session() {
        return session.session;
      },
      whenOpen: async (signal) => {
        // Lost before the call was sent. With values that were replaced no session is opened.
        if (session.session === undefined && !session.isOpening && !isReleased && !pending.isStale) {
          const next = this.#join(wanted);
          session.release();
          session = next;
        }
        return session.whenOpen(waitMs, signal);
      },
      get catalogue() {
        return session.tools?.current;
      },
      redact: session.redact,
      noteUse: (tool) => {
        dependencies.noteUse?.(caller.user, config.name, tool);
        if (variables.size > 0) dependencies.noteCredentials?.(caller.user, config.name, false);
      },
      toPublicError: (error) => this.#toPublicError(error, caller, variables, session.redact),
      release: () => {
        if (!isReleased) session.release();
        isReleased = true;
        this.#pending.delete(pending);
      },
    };
  }

  /** Holds the key's session, which is made if there is none. */
  #join(wanted: WantedSession): UserSession {
    const known = this.#byKey.get(wanted.key);
    const session = known === undefined || known.isGone ? this.#add(wanted) : known;
    session.caller = wanted.caller;
    session.hold();
    return session;
  }

  #add({ key, owner, caller, variables }: WantedSession): UserSession {
    const { config, dependencies, quota, pingTimes } = this.#options;
    if (this.#isStopped) throw new ServerUnavailableError(`Server "${config.name}" is stopped.`, 1);
    this.#failures.check(key);
    const redact = dependencies.redactor.redactorFor(secretsOf(config, variables));
    const session = new UserSession(key, owner, redact, caller, {
      config,
      quota,
      pingTimes,
      open: (opening, signal) => openListedSession(opening, variables, this.#listing, signal),
      logger: dependencies.logger,
      failures: this.#failures,
      onStopped: (stopped) => this.#forget(stopped),
    });
    for (const older of this.#all) if (!older.isGone && isSameOwner(older.owner, owner)) older.retire();
    this.#byKey.set(key, session);
    this.#all.add(session);
    try {
      quota.enter(session);
    } catch (error) {
      void session.end();
      throw error;
    }
    return session;
  }

  async #end(isOne: (owner: UserAndChat) => boolean): Promise<void> {
    this.#failures.forget(isOne);
    for (const pending of this.#pending) if (isOne(pending.owner)) pending.isStale = true;
    await Promise.all([...this.#all].filter(({ owner }) => isOne(owner)).map((session) => session.end()));
  }

  #forget(session: UserSession): void {
    this.#all.delete(session);
    if (this.#byKey.get(session.key) === session) this.#byKey.delete(session.key);
  }

  /** An error without secrets; for refused credentials with the place where the user can set them again. */
  async #toPublicError(error: unknown, user: UserCaller, variables: Variables, redact: Redact): Promise<unknown> {
    if (!(error instanceof CredentialsRefusedError) || variables.size === 0) return redactError(error, redact);
    const { config, dependencies } = this.#options;
    dependencies.noteCredentials?.(user.user, config.name, true);
    return toRefusal(user, config, this.#title, variables);
  }
}
