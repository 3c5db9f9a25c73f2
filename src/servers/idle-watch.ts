import { ConnectionLostError, CredentialsRefusedError, DeadlineError, JsonRpcError } from '../errors.ts';
import type { Session } from '../mcp/session.ts';
import { withoutStop } from './failure-reason.ts';

/** When a session without traffic is asked for a sign of life. Milliseconds. */
export interface PingTimes {
  readonly idleMs: number;
  readonly timeoutMs: number;
}

const DEFAULT_PING_TIMES: PingTimes = { idleMs: 60_000, timeoutMs: 10_000 };

/** Over all sessions: after a pause of the whole machine all are due in one moment. */
const MAX_AT_ONCE = 32;
/** Of the idle time, so that sessions which fell idle together are not asked together. */
const MAX_JITTER = 0.5;
/** A ping that failed so much later than it should have shows that the service stood still, not the server. */
const LATE_FACTOR = 1.5;

/** `alive`: it answered, whatever it said; `refused`: it answered that it does not take the credentials. */
export type PingVerdict = { readonly kind: 'alive' } | { readonly kind: 'refused' | 'dead'; readonly reason: string };

type WatchedSession = Pick<Session, 'lastActivityAt' | 'isBusy' | 'ping'>;

let running = 0;

/** Pings a session whenever it has had no traffic for a while, and never judges one that is busy. Ends by `stop`. */
export class IdleWatch {
  readonly #session: WatchedSession;
  readonly #times: PingTimes;
  readonly #onVerdict: (verdict: PingVerdict) => void;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  /** `onVerdict` is called after each ping with a verdict; a `dead` one is the last. */
  constructor(session: WatchedSession, onVerdict: (verdict: PingVerdict) => void, times = DEFAULT_PING_TIMES) {
    this.#session = session;
    this.#times = times;
    this.#onVerdict = onVerdict;
    this.#next(session.lastActivityAt);
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  #next(since: number): void {
    const { idleMs } = this.#times;
    const dueIn = Math.max(0, since + idleMs - performance.now());
    this.#wake(dueIn + Math.random() * MAX_JITTER * idleMs);
  }

  #wake(inMs: number): void {
    if (this.#isStopped) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#tick(), inMs);
    this.#timer.unref();
  }

  async #tick(): Promise<void> {
    const session = this.#session;
    const times = this.#times;
    if (session.isBusy || performance.now() - session.lastActivityAt < times.idleMs) {
      this.#next(session.isBusy ? performance.now() : session.lastActivityAt);
      return;
    }
    if (running >= MAX_AT_ONCE) {
      this.#wake(times.timeoutMs * Math.random());
      return;
    }
    running += 1;
    const verdict = await this.#ask().finally(() => {
      running -= 1;
    });
    if (this.#isStopped) return;
    if (verdict !== undefined) this.#onVerdict(verdict);
    if (verdict?.kind === 'dead') this.stop();
    this.#next(performance.now());
  }

  /** `undefined` if there is no verdict. */
  async #ask(): Promise<PingVerdict | undefined> {
    const session = this.#session;
    const { timeoutMs } = this.#times;
    const askedAt = performance.now();
    try {
      await session.ping(timeoutMs);
      return { kind: 'alive' };
    } catch (error) {
      const hasTraffic = session.isBusy || session.lastActivityAt > askedAt;
      if (hasTraffic || performance.now() - askedAt > timeoutMs * LATE_FACTOR) return undefined;
      return toVerdict(error, timeoutMs);
    }
  }
}

/** An error that the server sent is a sign of life; an expired session ends by itself. */
function toVerdict(error: unknown, timeoutMs: number): PingVerdict | undefined {
  if (error instanceof CredentialsRefusedError) return { kind: 'refused', reason: withoutStop(error) };
  if (error instanceof DeadlineError)
    return { kind: 'dead', reason: `it did not answer a ping within ${timeoutMs / 1000} s` };
  if (error instanceof ConnectionLostError) return { kind: 'dead', reason: `a ping failed: ${withoutStop(error)}` };
  return error instanceof JsonRpcError ? { kind: 'alive' } : undefined;
}
