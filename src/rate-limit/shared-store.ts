import type { IncrementResponse, Options, Store } from 'express-rate-limit';
import { RedisStore } from 'rate-limit-redis';
import { BoundedStore } from './bounded-store.ts';
import { toKeyDigest } from './key-digest.ts';
import type { SendCommand } from './redis-connection.ts';
import type { RedisLink } from './redis-link.ts';

/** `DECR` alone would make a count anew that has expired meanwhile, and one that never expires. */
const TAKE_BACK = `
local count = tonumber(redis.call("GET", KEYS[1]) or "0")
if count > 0 then return redis.call("DECR", KEYS[1]) end
return 0`;

/**
 * Counts in Redis for all replicas and in this process as well, whose own count is what holds while Redis is down: who
 * was at his limit stays there. Never rejects.
 */
export class SharedStore implements Store {
  readonly localKeys = false;
  readonly prefix: string;
  readonly #local = new BoundedStore();
  readonly #link: RedisLink;
  #options: Options | undefined;
  #redis: RedisStore | undefined;

  /** `name` keeps the counts of one limit apart from those of others; `prepare` belongs into the link's. */
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
