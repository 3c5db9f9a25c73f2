import { type Context, createContext, Script } from 'node:vm';

/** A step takes about 20 ns. */
const STEPS_PER_MS = 50_000;

/** A value takes too long to check. */
export class TooComplexError extends Error {
  override readonly name = 'TooComplexError';
}

const script = new Script('run()');
const box: { run: (() => unknown) | undefined } = { run: undefined };
let context: Context | undefined;

/** Bounds the work of one check: each schema that is applied to a value, and each pattern, spends steps. */
export class StepBudget {
  #left = 0;
  #all = 0;

  /** How many steps were spent since the last `reset`. */
  get spent(): number {
    return this.#all - this.#left;
  }

  /** Sets how many steps there are. */
  reset(steps: number): void {
    this.#left = steps;
    this.#all = steps;
  }

  /** Throws `TooComplexError` once no steps are left. */
  spend(steps: number): void {
    this.#left -= steps;
    if (this.#left < 0) throw new TooComplexError();
  }

  /**
   * Runs a regular expression whose steps cannot be bounded beforehand, for as long as the steps left are worth. V8
   * ends it wherever it is. Processor time is what counts: when the process had to wait, it runs again. Costs about
   * 60 µs. Throws `TooComplexError`.
   */
  runTimed(run: () => boolean): boolean {
    context ??= createContext(box);
    box.run = run;
    try {
      for (;;) {
        const result = this.#runFor(context, Math.ceil(Math.max(1, this.#left / STEPS_PER_MS)));
        if (result !== undefined) return result;
        if (this.#left <= 0) throw new TooComplexError();
      }
    } finally {
      box.run = undefined;
    }
  }

  /** Returns `undefined` when the time is over. */
  #runFor(inside: Context, timeout: number): boolean | undefined {
    const before = process.cpuUsage();
    try {
      return script.runInContext(inside, { timeout }) as boolean;
    } catch (error) {
      if ((error as { code?: unknown } | null)?.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT') return undefined;
      throw error;
    } finally {
      const { user, system } = process.cpuUsage(before);
      this.#left -= ((user + system) / 1_000) * STEPS_PER_MS;
    }
  }
}
