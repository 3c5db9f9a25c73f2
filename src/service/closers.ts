import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '../telemetry/logger.ts';

interface Opened {
  readonly what: string;
  readonly close: () => unknown;
  readonly withinMs: number | undefined;
}

/**
 * What was opened, each with the way to close it. A start that fails and the normal stop unwind the same stack: the
 * resource opened last is closed first.
 */
export class Closers {
  readonly #logger: Logger;
  readonly #opened: Opened[] = [];
  #closing: Promise<void> | undefined;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /**
   * To be called as soon as there is something to close. `what` names the resource in the log. One that has fallen
   * silent is given up after `withinMs`, so that it does not keep the service from ending.
   */
  add(what: string, close: () => unknown, { withinMs }: { readonly withinMs?: number } = {}): void {
    this.#opened.push({ what, close, withinMs });
  }

  /**
   * Closes everything, one after the other, in reverse. A resource that cannot be closed is logged and does not keep
   * the others open. Never rejects. Idempotent.
   */
  close(): Promise<void> {
    this.#closing ??= this.#unwind();
    return this.#closing;
  }

  async #unwind(): Promise<void> {
    for (let opened = this.#opened.pop(); opened !== undefined; opened = this.#opened.pop()) {
      try {
        await closeInTime(opened);
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        this.#logger.error(`the service could not close its ${opened.what}`, { reason });
      }
    }
  }
}

async function closeInTime({ close, withinMs }: Opened): Promise<void> {
  const done = new AbortController();
  const { signal } = done;
  const isTooLong = withinMs === undefined ? [] : [delay(withinMs, undefined, { signal }).catch(() => undefined)];
  try {
    await Promise.race([close(), ...isTooLong]);
  } finally {
    done.abort();
  }
}
