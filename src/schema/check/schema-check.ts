import type { Schema } from '../schema.ts';
import { CheckCompiler, type Finding } from './check-compiler.ts';
import { SchemaUnits } from './schema-units.ts';
import { TooComplexError } from './step-budget.ts';
import { sizeUpTo } from './value-size.ts';

/** Up to here all findings are reported; in a larger value only the first. */
const MAX_NODES_FOR_ALL = 10_000;
const STEPS_FOR_ALL = 500_000;
const STEPS_FOR_FIRST = 5_000_000;

/** The compilers of one catalogue, made when they are first needed. */
export class CheckCompilers {
  #all: CheckCompiler | undefined;
  #first: CheckCompiler | undefined;

  get all(): CheckCompiler {
    this.#all ??= new CheckCompiler('all');
    return this.#all;
  }

  get first(): CheckCompiler {
    this.#first ??= new CheckCompiler('first');
    return this.#first;
  }
}

/** Checks values against one schema, in bounded time whatever the schema and the value. */
export class SchemaCheck {
  readonly #schema: Schema;
  readonly #compilers: CheckCompilers;
  #all: SchemaUnits | undefined;
  #first: SchemaUnits | undefined;

  constructor(schema: Schema, compilers: CheckCompilers) {
    this.#schema = schema;
    this.#compilers = compilers;
  }

  /**
   * Returns what breaks the schema: everything, or in a value that is large or takes long only what comes first.
   * Blocks for at most about 0.2 s, compiling not counted. Throws `TooComplexError`.
   */
  run(value: unknown): readonly Finding[] {
    if (sizeUpTo(value, MAX_NODES_FOR_ALL) <= MAX_NODES_FOR_ALL) {
      try {
        this.#all ??= new SchemaUnits(this.#schema, this.#compilers.all);
        return this.#all.run(value, STEPS_FOR_ALL);
      } catch (error) {
        if (!(error instanceof TooComplexError)) throw error;
      }
    }
    this.#first ??= new SchemaUnits(this.#schema, this.#compilers.first);
    return this.#first.run(value, STEPS_FOR_FIRST);
  }
}
