import type { Logger } from '../telemetry/logger.ts';

/**
 * What Node would print in a form of its own, as lines of the service's log: warnings of the process, and the error that
 * ends it. Warnings that come before there is a log are remembered.
 */
export class ProcessEvents {
  /** Node's own, which print; none with `--no-warnings`. */
  readonly #printers = process.listeners('warning');
  readonly #waiting: Error[] = [];
  #logger: Logger | undefined;

  constructor() {
    process.removeAllListeners('warning').on('warning', this.#warn);
  }

  /** Logs what has come and what comes from here on. Called again, it replaces the log. */
  logTo(logger: Logger): void {
    if (this.#logger === undefined) process.on('uncaughtException', this.#fail);
    this.#logger = logger;
    for (const warning of this.#waiting.splice(0)) this.#warn(warning);
  }

  /** For a command that does not serve: Node prints as it always does. */
  release(): void {
    process.off('warning', this.#warn);
    for (const print of this.#printers) {
      process.on('warning', print);
      for (const warning of this.#waiting) print(warning);
    }
  }

  readonly #warn = (warning: Error & { readonly code?: string }): void => {
    if (this.#printers.length === 0) return;
    if (this.#logger === undefined) this.#waiting.push(warning);
    else this.#logger.warn(warning.message, { warning: warning.name, code: warning.code });
  };

  /** Also for rejections that nobody handles, which Node makes errors of. The state is unknown then, so nothing is saved. */
  readonly #fail = (error: unknown): void => {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.#logger?.error('the service ends by a fault of its own', { error: text });
    // Not at once: the line has to leave.
    setImmediate(() => process.exit(1));
  };
}
