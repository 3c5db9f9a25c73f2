import type { Rate } from '../config/rate.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { ConnectRedis } from './redis-connection.ts';
import { RedisLink } from './redis-link.ts';
import { SharedFailedLogIns } from './shared-failed-log-ins.ts';
import { SharedStore } from './shared-store.ts';

/** What the limits of all replicas count in: one connection to Redis, and a store for each limit. */
export class SharedCounts {
  readonly #link: RedisLink;
  readonly #stores: SharedStore[] = [];

  constructor(connect: ConnectRedis, logger: Logger) {
    const prepare: ConstructorParameters<typeof RedisLink>[0]['prepare'] = async (send) => {
      await Promise.all(this.#stores.map((store) => store.prepare(send)));
    };
    this.#link = new RedisLink({ connect, prepare, logger });
  }

  get isUp(): boolean {
    return this.#link.isUp;
  }

  /** To be called before `start`. */
  createStore(name: string): SharedStore {
    const store = new SharedStore(name, this.#link);
    this.#stores.push(store);
    return store;
  }

  openFailedLogIns(rate: Rate): SharedFailedLogIns {
    return new SharedFailedLogIns(rate, this.#link);
  }

  /** Connects; see `RedisLink.start`. */
  start(): Promise<void> {
    return this.#link.start();
  }

  close(): void {
    this.#link.close();
  }
}
