import { VaultUnavailableError } from '../errors.ts';
import type { Logger } from '../telemetry/logger.ts';

/** Turns whatever the database says into `VaultUnavailableError`; an outage is logged when it begins and when it ends. */
export class DatabaseGuard {
  readonly #logger: Logger;
  #isAway = false;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  async run<Result>(work: () => Promise<Result>): Promise<Result> {
    let result: Result;
    try {
      result = await work();
    } catch (error) {
      this.#failed(error);
      throw new VaultUnavailableError('The vault cannot be reached at the moment; try again in a few seconds.');
    }
    if (this.#isAway) {
      this.#isAway = false;
      this.#logger.info('the vault can be reached again');
    }
    return result;
  }

  #failed(error: unknown): void {
    if (this.#isAway) return;
    this.#isAway = true;
    this.#logger.error('the vault cannot be reached; what is in memory goes on being served', {
      reason: reasonOf(error),
    });
  }
}

/** Never the message of a driver: it may hold values of the statement. */
function reasonOf(error: unknown): string {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code;
  return error instanceof Error ? error.name : typeof error;
}
