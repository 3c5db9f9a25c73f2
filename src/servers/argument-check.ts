import { InvalidArgumentsError } from '../errors.ts';
import type { JsonSchema } from '../mcp/session.ts';
import { allFindings, closestFindings } from '../schema/closest-findings.ts';
import { coerceStrings } from '../schema/coerce-strings.ts';
import { Defaults } from '../schema/fill-defaults.ts';
import { toSegments } from '../schema/json-object.ts';
import { type Replacement, takeBack } from '../schema/replace-at.ts';
import { type SchemaCheck, SchemaChecks } from '../schema/schema-check.ts';
import type { Finding } from '../schema/schema-compiler.ts';
import { UNIT } from '../schema/schema-units.ts';
import { toValidationIssues } from './validation-issues.ts';

/**
 * Checks arguments and completes them in place: defaults filled in, `"3"` taken as an integer where one is asked for.
 * Throws `InvalidArgumentsError`, with the arguments as they were then.
 */
export type ArgumentCheck = (args: Record<string, unknown>) => void;

/** Names at most three places of an outputSchema that a result breaks, and nothing of its content. Never throws. */
export type ResultCheck = (value: unknown) => readonly string[];

const MAX_BREACHES = 3;
/** Coercing one string can bring another to light, behind it in an alternative. */
const MAX_ROUNDS = 4;
/** A default that is wrong is found among the first. */
const MAX_FINDINGS_TRACED = 100;
/** Checking again and again is for arguments that are quickly checked. */
const MAX_REPEATED_MS = 100;

/** The checks of one catalogue: they share a compiler and go with it. */
export class ArgumentChecks {
  readonly #checks = new SchemaChecks();

  /** Returns the check for one inputSchema that was not refused. Nothing is compiled before its first call. */
  add(schema: JsonSchema): ArgumentCheck {
    const check = this.#checks.add(schema);
    let defaults: Defaults | undefined;
    return (args) => {
      defaults ??= new Defaults(schema, check.units);
      complete(args, check, defaults);
    };
  }

  /** Returns the check for one outputSchema that was not refused. */
  addResult(schema: JsonSchema): ResultCheck {
    const check = this.#checks.add(schema);
    return (value) => {
      try {
        const outcome = check.run(value);
        return outcome.isCutOff ? [] : closestFindings(outcome.findings).slice(0, MAX_BREACHES).map(toBreach);
      } catch {
        // Nested too deeply to be checked.
        return [];
      }
    };
  }
}

function toBreach({ keyword, schemaPath }: Finding): string {
  return `"${keyword}" at ${schemaPath.replaceAll(`/${UNIT}`, '/$ref').slice(0, 200)}`;
}

/** A default that breaks the schema, by itself or beside what was given, must not make the call fail. */
function complete(args: Record<string, unknown>, check: SchemaCheck, defaults: Defaults): void {
  const filled = defaults.fill(args);
  const findings = coerceUntilValid(args, check);
  if (findings.length === 0) return;
  if (filled.length === 0) throw refusal(findings, args);
  const wrong = wrongDefaults(filled, args, findings);
  takeBack(wrong);
  const told = wrong.length === 0 ? findings : coerceUntilValid(args, check);
  if (told.length === 0) return;
  takeBack(filled.filter((replacement) => !wrong.includes(replacement)));
  if (coerceUntilValid(args, check).length > 0) throw refusal(told, args);
}

/** Returns what breaks the schema after all strings are coerced that have to be; nothing is coerced then. */
function coerceUntilValid(args: Record<string, unknown>, check: SchemaCheck): readonly Finding[] {
  const first = findingsOf(check, args);
  if (first.length === 0) return [];
  // From here on: the first check may have had to compile the schema.
  const startedAt = performance.now();
  let told = closestFindings(first);
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
    // What the caller is told is said of the arguments as they would be understood.
    const after = closestFindings(findings);
    takeBack(replaced);
    if (choose === closestFindings && replaced.length > 0 && after.length <= told.length) told = after;
  }
  return told;
}

function findingsOf(check: SchemaCheck, args: unknown): readonly Finding[] {
  const outcome = check.run(args);
  if (!outcome.isCutOff) return outcome.findings;
  const msg = 'Input takes too long to check against the inputSchema; send less, or a simpler value';
  throw new InvalidArgumentsError([{ type: 'too_complex', loc: ['body'], msg }]);
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
