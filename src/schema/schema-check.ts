import type { ValidateFunction } from 'ajv';
import { type Finding, SchemaCompiler, type UnitCheck } from './schema-compiler.ts';
import { SchemaUnits } from './schema-units.ts';
import { mayBeCutOff, needTimer, runWithin, TimerNeededError, TimeUpError } from './time-limit.ts';
import { sizeUpTo } from './value-size.ts';

/** Up to here all findings are told; in a larger value only the first. */
const MAX_TOLD_NODES = 10_000;
const MAX_UNTIMED_NODES = 2_000;
const MAX_UNTIMED_UNITS = 5_000;
const ALL_FINDINGS_MS = 40;
const FIRST_FINDING_MS = 100;

/** A unit was come to, under a timer, that is not compiled; the compiler must not be cut off. */
class UnitNeededError extends Error {
  override readonly name = 'UnitNeededError';

  constructor(
    readonly checker: Checker,
    readonly unit: number,
  ) {
    super();
  }
}

/** The checks of one catalogue: they share compilers and go with it. */
export class SchemaChecks {
  #all: SchemaCompiler | undefined;
  #first: SchemaCompiler | undefined;

  /** Returns the check for a schema that has passed `findSchemaProblem`. Nothing is compiled before its first value. */
  add(schema: Readonly<Record<string, unknown>> | boolean): SchemaCheck {
    return new SchemaCheck(schema, {
      all: () => (this.#all ??= new SchemaCompiler('all')),
      first: () => (this.#first ??= new SchemaCompiler('first')),
    });
  }
}

interface Compilers {
  readonly all: () => SchemaCompiler;
  readonly first: () => SchemaCompiler;
}

/** What a check came to; `isCutOff` when the value takes too long to check. */
export type CheckOutcome =
  | { readonly isCutOff: true }
  | { readonly isCutOff: false; readonly findings: readonly Finding[] };

/** Checks values against one schema, within a bounded time whatever the schema and the value. */
export class SchemaCheck {
  readonly #schema: Readonly<Record<string, unknown>> | boolean;
  readonly #compilers: Compilers;
  #units: SchemaUnits | undefined;
  #all: Checker | undefined;
  #first: Checker | undefined;

  constructor(schema: Readonly<Record<string, unknown>> | boolean, compilers: Compilers) {
    this.#schema = schema;
    this.#compilers = compilers;
  }

  get units(): SchemaUnits {
    this.#units ??= new SchemaUnits(this.#schema);
    return this.#units;
  }

  /**
   * Returns what breaks the schema: everything, or in a value that is large or takes long only what comes first.
   * Blocks for at most 0.15 s, compiling not counted.
   */
  run(value: unknown): CheckOutcome {
    this.#all ??= new Checker(this.units, this.#compilers.all);
    const nodes = sizeUpTo(value, MAX_TOLD_NODES);
    const isTimed = nodes > MAX_UNTIMED_NODES;
    if (nodes <= MAX_TOLD_NODES) {
      const outcome = attempt(this.#all, value, ALL_FINDINGS_MS, isTimed);
      if (!outcome.isCutOff) return outcome;
    }
    this.#first ??= new Checker(this.units, this.#compilers.first);
    return attempt(this.#first, value, FIRST_FINDING_MS, isTimed);
  }
}

/** One schema's units in one compiler. */
class Checker {
  readonly #units: SchemaUnits;
  readonly #compiler: SchemaCompiler;
  readonly #compiled: ValidateFunction[] = [];
  #calls = 0;

  constructor(units: SchemaUnits, compiler: () => SchemaCompiler) {
    this.#units = units;
    this.#compiler = compiler();
  }

  run(value: unknown): readonly Finding[] {
    this.#calls = 0;
    return this.#check(0, value) ?? [];
  }

  /** What passed `findSchemaProblem` compiles; should one not after all, the server is the one to judge. */
  compile(unit: number): ValidateFunction {
    let validate: ValidateFunction;
    try {
      validate = this.#compiler.compile(this.#units.unit(unit));
    } catch {
      validate = this.#compiler.compile(true);
    }
    this.#compiled[unit] = validate;
    return validate;
  }

  readonly #check: UnitCheck = (unit, value) => {
    this.#calls += 1;
    if (this.#calls > MAX_UNTIMED_UNITS) needTimer();
    let validate = this.#compiled[unit];
    if (validate === undefined) {
      if (mayBeCutOff()) throw new UnitNeededError(this, unit);
      validate = this.compile(unit);
    }
    return this.#compiler.run(validate, value, this.#check);
  };
}

function attempt(checker: Checker, value: unknown, limitMs: number, isLarge: boolean): CheckOutcome {
  let isTimed = isLarge;
  for (;;) {
    try {
      const findings = isTimed ? runWithin(limitMs, () => checker.run(value)) : checker.run(value);
      return { isCutOff: false, findings };
    } catch (error) {
      // A regular expression overflows the stack on some texts of megabytes.
      if (error instanceof TimeUpError || error instanceof RangeError) return { isCutOff: true };
      if (error instanceof TimerNeededError) isTimed = true;
      else if (error instanceof UnitNeededError) error.checker.compile(error.unit);
      else throw error;
    }
  }
}
