import { hash } from 'node:crypto';
import type { IncrementResponse, Options, Store } from 'express-rate-limit';
import { RedisStore } from 'rate-limit-redis';
import type { Rate } from '../config/rate.ts';
import type { Logger } from '../telemetry/logger.ts';
import { type FailureCounts, FIRST_DELAY_MS, LocalFailures, LocalStore, maxDelayMs, quietMs } from './local-counts.ts';
import { createRedisConnector, RedisLink, type SendCommand } from './redis-link.ts';

/** Counts that all replicas share: one connection to Redis, and a store for each limit. */
export class SharedCounts {
  /** To be started once all stores are created. */
  readonly link: RedisLink;
  readonly #stores: SharedStore[] = [];

  constructor(redisUrl: string, logger: Logger) {
    const prepare = async (send: SendCommand) => {
      await Promise.all(this.#stores.map((store) => store.prepare(send)));
    };
    this.link = new RedisLink({ connect: createRedisConnector(redisUrl), prepare, logger });
  }

  /** The counts of one limit, apart from those of others. */
  createStore(name: string): Store {
    const store = new SharedStore(name, this.link);
    this.#stores.push(store);
    return store;
  }

  createFailures(rate: Rate): FailureCounts {
    return new SharedFailures(rate, this.link);
  }
}

/** The name of a key in Redis, without addresses and users' ids: 128 bits of its SHA-256. */
export function toKeyDigest(key: string): string {
  return hash('sha256', key, 'base64url').slice(0, 22);
}

/** `DECR` alone would make a count anew that has expired meanwhile, and one that never expires. */
const TAKE_BACK = `
local count = tonumber(redis.call("GET", KEYS[1]) or "0")
if count > 0 then return redis.call("DECR", KEYS[1]) end
return 0`;

/**
 * Counts in Redis for all replicas and in this process as well, whose own count is used while Redis is down: a caller
 * at the limit stays there. Never rejects.
 */
class SharedStore implements Store {
  readonly prefix: string;
  readonly #local = new LocalStore();
  readonly #link: RedisLink;
  #options: Options | undefined;
  #redis: RedisStore | undefined;

  constructor(name: string, link: RedisLink) {
    this.prefix = `mcpo:${name}:`;
    this.#link = link;
  }

  init(options: Options): void {
    this.#options = options;
    this.#local.init(options);
  }

  /** Loads the scripts, and counts once to see that Redis lets us write. */
  async prepare(send: SendCommand): Promise<void> {
    if (this.#options === undefined) return;
    const redis = new RedisStore({
      prefix: this.prefix,
      sendCommand: (...command) => send(command) as Promise<string>,
    });
    await redis.init(this.#options);
    await redis.increment('prepare');
    this.#redis = redis;
  }

  async increment(key: string): Promise<IncrementResponse> {
    // Copied, since the store counts on in it while Redis is waited for.
    const local = { ...this.#local.increment(key) };
    const redis = this.#redis;
    if (redis === undefined) return local;
    return (await this.#link.run(() => redis.increment(toKeyDigest(key)))) ?? local;
  }

  async decrement(key: string): Promise<void> {
    this.#local.decrement(key);
    await this.#link.run((send) => send(['EVAL', TAKE_BACK, '1', this.#redisKey(key)]));
  }

  async resetKey(key: string): Promise<void> {
    this.#local.resetKey(key);
    await this.#link.run((send) => send(['DEL', this.#redisKey(key)]));
  }

  #redisKey(key: string): string {
    return `${this.prefix}${toKeyDigest(key)}`;
  }
}

/**
 * The same as `LocalFailures.add`, by Redis's clock, since those of replicas differ. The key expires when its failures
 * are forgotten, and the second one when the wait is over.
 */
const ADD = `
local limit, windowMs = tonumber(ARGV[1]), tonumber(ARGV[2])
local firstDelayMs, maxDelayMs, quietMs = tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5]
local time = redis.call("TIME")
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local found = redis.call("HMGET", KEYS[1], "level", "strikes", "lastAt")
local level, strikes, lastAt = tonumber(found[1] or 0), tonumber(found[2] or 0), tonumber(found[3] or now)
if strikes == 0 then level = math.max(0, level - (now - lastAt) * limit / windowMs) end
level = level + 1
if level > limit then
  local delayMs = math.min(firstDelayMs * 2 ^ math.min(strikes, 30), maxDelayMs)
  strikes = strikes + 1
  redis.call("SET", KEYS[2], 1, "PX", delayMs)
end
redis.call("HSET", KEYS[1], "level", level, "strikes", strikes, "lastAt", now)
redis.call("PEXPIRE", KEYS[1], quietMs)
return 0`;

/**
 * Failed log-ins of all replicas, so that many replicas do not allow as many times the tries. This process counts its
 * own beside them, which holds while Redis is down. Never rejects.
 */
class SharedFailures implements FailureCounts {
  readonly #local: LocalFailures;
  readonly #link: RedisLink;
  readonly #rule: readonly string[];

  constructor(rate: Rate, link: RedisLink) {
    this.#local = new LocalFailures(rate);
    this.#link = link;
    this.#rule = [rate.limit, rate.windowMs, FIRST_DELAY_MS, maxDelayMs(rate), quietMs(rate)].map(String);
  }

  async waitMs(key: string): Promise<number> {
    const local = this.#local.waitMs(key);
    const shared = await this.#link.run(async (send) => Number(await send(['PTTL', toFailureKeys(key)[1]])));
    // It is negative if there is no wait.
    return Math.max(local, shared ?? 0);
  }

  async add(key: string): Promise<void> {
    this.#local.add(key);
    await this.#link.run((send) => send(['EVAL', ADD, '2', ...toFailureKeys(key), ...this.#rule]));
  }
}

function toFailureKeys(key: string): readonly [failures: string, wait: string] {
  const digest = toKeyDigest(key);
  return [`mcpo:failed-log-ins:${digest}`, `mcpo:failed-log-ins:wait:${digest}`];
}
