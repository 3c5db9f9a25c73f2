import { ConfigError, type ConfigProblem } from '../errors.ts';
import type { JsonDocument, JsonPath } from './json-document.ts';

/** Collects everything that is wrong with one file, so that all of it is reported at once. */
export class ConfigReport {
  readonly problems: ConfigProblem[] = [];
  readonly warnings: ConfigProblem[] = [];
  readonly root: ConfigPlace;

  constructor(file: string, document: JsonDocument) {
    const locate = (path: JsonPath) => ({ file, line: document.lineOf(path) });
    this.root = new ConfigPlace(this, locate, []);
  }

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
    private readonly locate: (path: JsonPath) => Pick<ConfigProblem, 'file' | 'line'>,
    private readonly path: JsonPath,
    private readonly server?: string,
    /** Where the key begins that people read. */
    private readonly keyFrom = 0,
  ) {}

  /** A place inside this one. */
  at(...steps: JsonPath): ConfigPlace {
    return new ConfigPlace(this.report, this.locate, [...this.path, ...steps], this.server, this.keyFrom);
  }

  /** The place of a server; keys inside are named from there. */
  atServer(list: string, name: string): ConfigPlace {
    return new ConfigPlace(this.report, this.locate, [list, name], name, 2);
  }

  problem(message: string): void {
    this.report.problems.push(this.locateMessage(message));
  }

  /** `line` is 1-based; without it, the place is looked up. */
  warning(message: string, line?: number): void {
    this.report.warnings.push(this.locateMessage(message, line));
  }

  private locateMessage(message: string, line?: number): ConfigProblem {
    const key = keyOf(this.path.slice(this.keyFrom));
    const found = this.locate(this.path);
    return { message, ...found, line: line ?? found.line, server: this.server, key: key === '' ? undefined : key };
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
