import type { Rate } from '../config/rate.ts';
import { type FailedLogInCounts, FailedLogIns, FIRST_DELAY_MS, maxDelayMs, quietMs } from './failed-log-ins.ts';
import { toKeyDigest } from './key-digest.ts';
import type { RedisLink } from './redis-link.ts';

/**
 * The same as `FailedLogIns.add`, by Redis's clock, since those of replicas differ. The key expires when its failures
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
 * Failed log-ins of all replicas, so that many replicas are not as many times the tries. This process keeps its own
 * beside them, which is what holds while Redis is down. Never rejects.
 */
export class SharedFailedLogIns implements FailedLogInCounts {
  readonly #local: FailedLogIns;
  readonly #link: RedisLink;
  readonly #rule: readonly string[];

  constructor(rate: Rate, link: RedisLink) {
    this.#local = new FailedLogIns(rate);
    this.#link = link;
    this.#rule = [rate.limit, rate.windowMs, FIRST_DELAY_MS, maxDelayMs(rate), quietMs(rate)].map(String);
  }

  async waitMs(key: string): Promise<number> {
    const local = this.#local.waitMs(key);
    const { wait } = toRedisKeys(key);
    const shared = await this.#link.run(async (send) => Number(await send(['PTTL', wait])));
    // It is negative where nobody has to wait.
    return Math.max(local, shared ?? 0);
  }

  async add(key: string): Promise<void> {
    this.#local.add(key);
    const { failures, wait } = toRedisKeys(key);
    await this.#link.run((send) => send(['EVAL', ADD, '2', failures, wait, ...this.#rule]));
  }
}

function toRedisKeys(key: string): { readonly failures: string; readonly wait: string } {
  const digest = toKeyDigest(key);
  return { failures: `mcpo:failed-log-ins:${digest}`, wait: `mcpo:failed-log-ins:wait:${digest}` };
}
