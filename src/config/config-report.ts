import { ConfigError, type ConfigProblem } from '../errors.ts';
import type { JsonDocument, JsonPath } from './json-document.ts';

/** Collects everything that is wrong with one file, so that all of it is reported at once. */
export class ConfigReport {
  readonly problems: ConfigProblem[] = [];
  readonly warnings: ConfigProblem[] = [];

  constructor(
    readonly file: string,
    readonly document: JsonDocument,
  ) {}

  /** Throws `ConfigError` with the problems in the order of their lines, if there are any. */
  throwIfAny(): void {
    if (this.problems.length > 0)
      throw new ConfigError(this.problems.toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0)));
  }
}

/** A place in the servers file; what is wrong there is reported with line, server and key. */
export class ConfigPlace {
  constructor(
    private readonly report: ConfigReport,
    private readonly path: JsonPath = [],
    private readonly server?: string,
  ) {}

  /** A place inside this one. */
  at(...steps: JsonPath): ConfigPlace {
    return new ConfigPlace(this.report, [...this.path, ...steps], this.server);
  }

  /** The place of a server; keys inside are named from there. */
  atServer(list: string, name: string): ConfigPlace {
    return new ConfigPlace(this.report, [list, name], name);
  }

  problem(message: string): void {
    this.report.problems.push(this.#locate(message));
  }

  /** `line` is 1-based; without it, the place is looked up. */
  warning(message: string, line?: number): void {
    this.report.warnings.push(this.#locate(message, line));
  }

  #locate(message: string, line = this.report.document.lineOf(this.path)): ConfigProblem {
    const key = keyOf(this.server === undefined ? this.path : this.path.slice(2));
    return { message, file: this.report.file, line, server: this.server, key: key === '' ? undefined : key };
  }
}

/** `args[1]`, `env.TOKEN`: as people name a place inside a value. */
function keyOf(steps: JsonPath): string {
  let key = '';
  for (const step of steps) {
    if (typeof step === 'number') key += `[${step}]`;
    else key += key === '' ? step : `.${step}`;
  }
  return key;
}
