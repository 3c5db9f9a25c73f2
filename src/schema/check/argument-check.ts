import { InvalidArgumentsError } from '../../errors.ts';
import { type JsonObject, toSegments } from '../json-object.ts';
import { normalizeSchema } from '../normalize-schema.ts';
import { CheckCompiler, type Finding, UNITS } from './check-compiler.ts';
import { allFindings, closestFindings } from './closest-findings.ts';
import { coerceStrings, type Replacement, undo } from './coerce-strings.ts';
import { Defaults } from './fill-defaults.ts';
import { SchemaUnits } from './schema-units.ts';
import { TooComplexError } from './step-budget.ts';
import { toValidationIssues } from './validation-issues.ts';
import { sizeUpTo } from './value-size.ts';

/**
 * Checks arguments and completes them in place: defaults filled in, `"3"` taken as an integer where one is asked for.
 * Throws `InvalidArgumentsError`, with the arguments as they were then.
 */
export type ArgumentCheck = (args: Record<string, unknown>) => void;

/**
 * Returns what breaks one schema: everything, or in a value that is large or takes long only what comes first. Throws
 * `TooComplexError`.
 */
type SchemaCheck = (value: unknown) => readonly Finding[];

/** Names at most three places of an outputSchema that a result breaks, and nothing of its content. Never throws. */
export type ResultCheck = (value: unknown) => readonly string[];

/** Up to here all findings are reported; in a larger value only the first. */
const MAX_NODES_FOR_ALL = 10_000;
const STEPS_FOR_ALL = 500_000;
const STEPS_FOR_FIRST = 5_000_000;
const MAX_BREACHES = 3;
/** Coercing one string can bring another to light, behind it in an alternative. */
const MAX_ROUNDS = 4;
/** A default that is wrong is found among the first. */
const MAX_FINDINGS_TRACED = 100;
/** Checking again and again is for arguments that are quickly checked. */
const MAX_REPEATED_MS = 100;

/** The checks of one catalogue: they share compilers and go with it. Nothing is compiled before a check's first call. */
export class ArgumentChecks {
  readonly #compilers = new Map<'all' | 'first', CheckCompiler>();

  /** Returns the check for one inputSchema that was not refused. */
  add(source: JsonObject | boolean): ArgumentCheck {
    let check: SchemaCheck | undefined;
    let defaults: Defaults | undefined;
    return (args) => {
      check ??= this.#toCheck(source);
      defaults ??= new Defaults(normalizeSchema(source));
      complete(args, check, defaults);
    };
  }

  /** Returns the check for one outputSchema that was not refused. */
  addResult(source: JsonObject | boolean): ResultCheck {
    let check: SchemaCheck | undefined;
    return (value) => {
      try {
        check ??= this.#toCheck(source);
        return closestFindings(check(value)).slice(0, MAX_BREACHES).map(toBreach);
      } catch {
        // Too large, or nested too deeply, to be checked.
        return [];
      }
    };
  }

  /** The check blocks for at most about 0.2 s, compiling not counted. */
  #toCheck(source: JsonObject | boolean): SchemaCheck {
    const schema = normalizeSchema(source);
    let all: SchemaUnits | undefined;
    let first: SchemaUnits | undefined;
    return (value) => {
      if (sizeUpTo(value, MAX_NODES_FOR_ALL) <= MAX_NODES_FOR_ALL) {
        try {
          all ??= new SchemaUnits(schema, this.#compiler('all'));
          return all.run(value, STEPS_FOR_ALL);
        } catch (error) {
          if (!(error instanceof TooComplexError)) throw error;
        }
      }
      first ??= new SchemaUnits(schema, this.#compiler('first'));
      return first.run(value, STEPS_FOR_FIRST);
    };
  }

  #compiler(findings: 'all' | 'first'): CheckCompiler {
    const compiler = this.#compilers.get(findings) ?? new CheckCompiler(findings);
    this.#compilers.set(findings, compiler);
    return compiler;
  }
}

function toBreach({ keyword, schemaPath }: Finding): string {
  return `"${keyword}" at ${schemaPath.replaceAll(`/${UNITS}`, '/$ref').slice(0, 200)}`;
}

/** A default that breaks the schema, by itself or beside what was given, must not make the call fail. */
function complete(args: Record<string, unknown>, check: SchemaCheck, defaults: Defaults): void {
  const filled = defaults.fill(args);
  const findings = coerceUntilValid(args, check);
  if (findings.length === 0) return;
  if (filled.length === 0) throw refusal(findings, args);
  const wrong = wrongDefaults(filled, args, findings);
  undo(wrong);
  const remaining = wrong.length === 0 ? findings : coerceUntilValid(args, check);
  if (remaining.length === 0) return;
  undo(filled.filter((replacement) => !wrong.includes(replacement)));
  if (coerceUntilValid(args, check).length > 0) throw refusal(remaining, args);
}

/** Returns what breaks the schema after all strings are coerced that have to be; nothing is coerced then. */
function coerceUntilValid(args: Record<string, unknown>, check: SchemaCheck): readonly Finding[] {
  const first = findingsOf(check, args);
  if (first.length === 0) return [];
  // From here on: the first check may have had to compile the schema.
  const startedAt = performance.now();
  let reported = closestFindings(first);
  for (const choose of [closestFindings, allFindings]) {
    const replaced: Replacement[] = [];
    let findings: readonly Finding[] = first;
    for (let round = 0; round < MAX_ROUNDS && performance.now() - startedAt < MAX_REPEATED_MS; round++) {
      const coerced = coerceStrings(args, choose(findings));
      replaced.push(...coerced);
      if (coerced.length === 0) break;
      findings = findingsOf(check, args);
      if (findings.length === 0) return [];
    }
    // What the caller reads is about the arguments as they would be understood.
    const after = closestFindings(findings);
    undo(replaced);
    if (choose === closestFindings && replaced.length > 0 && after.length <= reported.length) reported = after;
  }
  return reported;
}

function findingsOf(check: SchemaCheck, args: unknown): readonly Finding[] {
  try {
    return check(args);
  } catch (error) {
    if (!(error instanceof TooComplexError)) throw error;
    const msg = 'Input takes too long to check against the inputSchema; send less, or a simpler value';
    throw new InvalidArgumentsError([{ type: 'too_complex', loc: ['body'], msg }]);
  }
}

/** Those of the defaults that hold, or are, what is found to be wrong. */
function wrongDefaults(filled: readonly Replacement[], args: unknown, findings: readonly Finding[]): Replacement[] {
  const wrong = new Set<Replacement>();
  for (const { instancePath } of findings.slice(0, MAX_FINDINGS_TRACED)) {
    let value = args;
    for (const key of toSegments(instancePath)) {
      for (const replacement of filled)
        if (replacement.holder === value && replacement.key === key) wrong.add(replacement);
      if (typeof value !== 'object' || value === null) break;
      value = (value as Record<string, unknown>)[key];
    }
  }
  return filled.filter((replacement) => wrong.has(replacement));
}

function refusal(findings: readonly Finding[], args: unknown): InvalidArgumentsError {
  return new InvalidArgumentsError(toValidationIssues(findings, args));
}
