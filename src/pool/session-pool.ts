import type { PoolKey } from './pool-key.ts';
import type { SupervisedSession } from './supervised-session.ts';

/** One session per key. Shared sessions are started with the service and stay. */
export class SessionPool {
  readonly #sessions = new Map<PoolKey, SupervisedSession>();

  /** Returns the key's session, making and starting it when there is none. */
  acquire(key: PoolKey, create: () => SupervisedSession): SupervisedSession {
    let session = this.#sessions.get(key);
    if (session === undefined) {
      session = create();
      this.#sessions.set(key, session);
      session.start();
    }
    return session;
  }

  /** Ends one session and forgets it; resolves when nothing of it is left. */
  async release(key: PoolKey): Promise<void> {
    const session = this.#sessions.get(key);
    this.#sessions.delete(key);
    await session?.stop();
  }

  /** Ends every session side by side. */
  async close(): Promise<void> {
    await Promise.allSettled([...this.#sessions.keys()].map((key) => this.release(key)));
  }
}
