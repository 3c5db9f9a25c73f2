import { InvalidArgumentsError } from '../../errors.ts';
import type { JsonObject } from '../json-object.ts';
import { normalizeSchema } from '../normalize-schema.ts';
import type { Schema } from '../schema.ts';
import { CheckCompiler, type Finding, UNIT } from './check-compiler.ts';
import { closestFindings } from './closest-findings.ts';
import { type FillDefaults, toFillDefaults } from './fill-defaults.ts';
import { repairArguments, type SchemaCheck } from './repair-arguments.ts';
import { SchemaUnits } from './schema-units.ts';
import { TooComplexError } from './step-budget.ts';
import { isLarger } from './value-size.ts';

/**
 * Checks arguments and completes them in place: defaults filled in, `"3"` taken as an integer where one is asked for.
 * Throws `InvalidArgumentsError`, with the arguments as they were then.
 */
export type ArgumentCheck = (args: Record<string, unknown>) => void;

/** Names at most three places of an outputSchema that a result breaks, and nothing of its content. Never throws. */
export type ResultCheck = (value: unknown) => readonly string[];

/** Up to here all findings are reported; in a larger value only the first. */
const MAX_NODES_FOR_ALL = 10_000;
const STEPS_FOR_ALL = 500_000;
const STEPS_FOR_FIRST = 5_000_000;
const MAX_BREACHES = 3;

/** The checks of one catalogue: they share compilers and go with it. Nothing is compiled before a check's first call. */
export class ArgumentChecks {
  readonly #first = new CheckCompiler('first');
  readonly #all = new CheckCompiler('all');

  /** Returns the check for one inputSchema that was not refused. */
  add(source: JsonObject | boolean): ArgumentCheck {
    let check: SchemaCheck | undefined;
    let fillDefaults: FillDefaults | undefined;
    return (args) => {
      if (check === undefined) {
        const schema = normalizeSchema(source);
        check = this.#toCheck(schema);
        fillDefaults = toFillDefaults(schema);
      }
      try {
        const filled = fillDefaults?.(args) ?? [];
        const findings = check.find(args);
        if (findings.length > 0) repairArguments(args, findings, filled, check);
      } catch (error) {
        throw error instanceof TooComplexError ? tooComplexArguments() : error;
      }
    };
  }

  /** Returns the check for one outputSchema that was not refused. */
  addResult(source: JsonObject | boolean): ResultCheck {
    let check: SchemaCheck | undefined;
    return (value) => {
      try {
        check ??= this.#toCheck(normalizeSchema(source));
        return closestFindings(check.find(value)).slice(0, MAX_BREACHES).map(toBreach);
      } catch {
        // Too large, or nested too deeply, to be checked.
        return [];
      }
    };
  }

  /** A check blocks for at most about 0.2 s, compiling not counted. */
  #toCheck(schema: Schema): SchemaCheck {
    const first = new SchemaUnits(schema, this.#first);
    const all = new SchemaUnits(schema, this.#all);
    return {
      steps: 0,
      find(value) {
        const found = first.run(value, STEPS_FOR_FIRST);
        this.steps += first.spent;
        if (found.length === 0 || isLarger(value, MAX_NODES_FOR_ALL)) return found;
        try {
          return all.run(value, STEPS_FOR_ALL);
        } catch (error) {
          if (error instanceof TooComplexError) return found;
          throw error;
        } finally {
          this.steps += all.spent;
        }
      },
    };
  }
}

function tooComplexArguments(): InvalidArgumentsError {
  const msg = 'Input takes too long to check against the inputSchema; send less, or a simpler value';
  return new InvalidArgumentsError([{ type: 'too_complex', loc: ['body'], msg }]);
}

function toBreach({ keyword, schemaPath }: Finding): string {
  return `"${keyword}" at ${schemaPath.replaceAll(`/${UNIT}`, '/$ref').slice(0, 200)}`;
}
