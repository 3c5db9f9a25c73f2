import { createClient } from 'redis';
import type { Logger } from '../telemetry/logger.ts';

export type SendCommand = (command: readonly string[]) => Promise<unknown>;

/** One connection to Redis, of no more use once it was lost. */
export interface RedisConnection {
  /** Rejects when Redis refuses it; may resolve even though it was destroyed before. */
  readonly opened: Promise<unknown>;
  readonly send: SendCommand;
  /** Ends it at once; commands without an answer reject. Idempotent. */
  destroy(): void;
}

/** Begins a connection; `onLost` is called when it ends by itself, perhaps more than once. */
export type ConnectRedis = (onLost: (error: unknown) => void) => RedisConnection;

/** How long a request waits for Redis at most; the last part is for a process that was busy itself. */
const ANSWER_WITHIN_MS = 250;
const GRACE_MS = 50;
/** For opening a connection, which no request waits for. */
const CONNECT_WITHIN_MS = 2_000;
const FIRST_DELAY_MS = 200;
const MAX_DELAY_MS = 15_000;
/** After being up for this long, the next outage begins with small delays again. */
const STABLE_AFTER_MS = 30_000;

export interface RedisLinkOptions {
  readonly connect: ConnectRedis;
  /** What each new connection must manage before it is used. */
  readonly prepare: (send: SendCommand) => Promise<void>;
  readonly logger: Logger;
}

/**
 * Redis as long as it answers. A caller waits `ANSWER_WITHIN_MS` at most, and while it is down not at all.
 *
 *   down ──(a new connection is open and prepared)──▶ up
 *    ▲ └──(it is not: again after a growing delay)    │
 *    └──(a command fails or has no answer in time, or the connection ends)
 */
export class RedisLink {
  readonly #options: RedisLinkOptions;
  /** The one that is up or being opened. */
  #connection: RedisConnection | undefined;
  /** `undefined`: it is down. */
  #upSince: number | undefined;
  #retry: NodeJS.Timeout | undefined;
  /** Since it was up for long. */
  #retries = 0;
  #isOutageLogged = false;

  constructor(options: RedisLinkOptions) {
    this.#options = options;
  }

  get isUp(): boolean {
    return this.#upSince !== undefined;
  }

  /** Resolves when Redis answers or is known not to answer, after `ANSWER_WITHIN_MS` at the latest. To be called once. */
  async start(): Promise<void> {
    // The attempt itself logs an outage, and may still succeed.
    await answerInTime(this.#connect()).catch(() => undefined);
  }

  /** What `work` gives; `undefined` when Redis is down or goes down by it. Never rejects. */
  async run<T>(work: (send: SendCommand) => Promise<T>): Promise<T | undefined> {
    const connection = this.#connection;
    if (connection === undefined || !this.isUp) return undefined;
    try {
      return await answerInTime(work(connection.send));
    } catch (error) {
      this.#lose(connection, error);
      return undefined;
    }
  }

  close(): void {
    clearTimeout(this.#retry);
    this.#upSince = undefined;
    this.#connection?.destroy();
    this.#connection = undefined;
  }

  /** Never rejects. */
  async #connect(): Promise<void> {
    // What ends while it is being opened says why by `opened`.
    const connection = this.#options.connect((error) => this.isUp && this.#lose(connection, error));
    this.#connection = connection;
    const timer = setTimeout(() => this.#lose(connection, new NoAnswerError()), CONNECT_WITHIN_MS).unref();
    try {
      await connection.opened;
      await this.#options.prepare(connection.send);
      if (this.#connection === connection) this.#goUp();
    } catch (error) {
      this.#lose(connection, error);
    } finally {
      clearTimeout(timer);
      // One that was given up may have been opened all the same.
      if (this.#connection !== connection) connection.destroy();
    }
  }

  #goUp(): void {
    this.#upSince = Date.now();
    if (this.#isOutageLogged) this.#options.logger.info('Redis answers again: limits hold over all replicas');
    this.#isOutageLogged = false;
  }

  #lose(connection: RedisConnection, error: unknown): void {
    if (this.#connection !== connection) return;
    if (this.#upSince !== undefined && Date.now() - this.#upSince >= STABLE_AFTER_MS) this.#retries = 0;
    this.#connection = undefined;
    this.#upSince = undefined;
    connection.destroy();
    if (!this.#isOutageLogged) {
      const fields = { reason: reasonOf(error) };
      this.#options.logger.warn('Redis cannot be used: until it answers, limits hold for each replica alone', fields);
    }
    this.#isOutageLogged = true;
    const delayMs = Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.min(this.#retries, 20));
    this.#retries += 1;
    // Not all replicas at once when it comes back.
    this.#retry = setTimeout(() => void this.#connect(), delayMs * (0.75 + Math.random() / 4)).unref();
  }
}

const ENDED = 'the connection ended';

class NoAnswerError extends Error {}

/** The same answer, or `NoAnswerError` after `ANSWER_WITHIN_MS`. */
function answerInTime<T>(answer: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    // In two steps: after a long pause of this process, answers that have arrived are read between the two.
    let timer = setTimeout(() => {
      timer = setTimeout(() => reject(new NoAnswerError()), GRACE_MS);
    }, ANSWER_WITHIN_MS - GRACE_MS);
    answer.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/** An error's code, such as ECONNREFUSED or WRONGPASS, but never its text: that may hold addresses. */
function reasonOf(error: unknown): string {
  if (error instanceof NoAnswerError) return 'no answer in time';
  if (typeof error !== 'object' || error === null) return ENDED;
  const code = 'code' in error ? error.code : undefined;
  if (typeof code === 'string' && /^\w+$/.test(code)) return code;
  // Redis begins what it refuses with a word of capitals.
  return /^([A-Z]{3,20}) /.exec(error instanceof Error ? error.message : '')?.[1] ?? ENDED;
}

/** Connects to `url`, `redis:` or with TLS `rediss:`. */
export function createRedisConnector(url: string): ConnectRedis {
  return (onLost) => {
    const client = createClient({
      url,
      // Nothing of version 3 is used, and version 2 is what every Redis speaks.
      RESP: 2,
      disableOfflineQueue: true,
      // `RedisLink` opens a new one: the library would never take a connection that hangs for lost.
      socket: { reconnectStrategy: false },
    });
    client.on('error', onLost);
    client.on('end', () => onLost(undefined));
    return {
      opened: client.connect(),
      send: (command) => client.sendCommand(command),
      destroy: () => client.destroy(),
    };
  };
}
