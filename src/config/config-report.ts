import { ConfigError, type ConfigProblem } from '../errors.ts';
import type { JsonDocument, JsonPath } from './json-document.ts';

/** A place in the servers file, as people name it. */
export interface ConfigPlace {
  readonly path: JsonPath;
  readonly server?: string | undefined;
  readonly key?: string | undefined;
  /** 1-based; looked up by the path if absent. */
  readonly line?: number | undefined;
}

/** Gathers everything that is wrong with one file, so that the admin is told all of it at once. */
export class ConfigReport {
  readonly problems: ConfigProblem[] = [];
  readonly warnings: ConfigProblem[] = [];

  constructor(
    private readonly file: string,
    private readonly document: JsonDocument,
  ) {}

  problem(place: ConfigPlace, message: string): void {
    this.problems.push(this.locate(place, message));
  }

  warning(place: ConfigPlace, message: string): void {
    this.warnings.push(this.locate(place, message));
  }

  /** Throws `ConfigError` if there is any problem. */
  throwIfAny(): void {
    if (this.problems.length > 0) throw new ConfigError(inOrderOfLines(this.problems));
  }

  private locate(place: ConfigPlace, message: string): ConfigProblem {
    const { server, key } = place;
    return { message, file: this.file, line: place.line ?? this.document.lineOf(place.path), server, key };
  }
}

function inOrderOfLines(problems: readonly ConfigProblem[]): readonly ConfigProblem[] {
  return problems.toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0));
}
