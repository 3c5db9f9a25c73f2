import { InvalidArgumentsError } from '../../errors.ts';
import { toSegments, valueAt } from '../json-object.ts';
import type { Finding } from './check-compiler.ts';
import { closestFindings } from './closest-findings.ts';
import type { Replacement } from './fill-defaults.ts';
import { toValidationIssues } from './validation-issues.ts';

/** Coercing one string can bring another to light, behind it in an alternative. */
const MAX_ROUNDS = 4;
/** A default that is wrong is found among the first. */
const MAX_FINDINGS_TRACED = 100;
/** Checking again and again is for arguments that are quickly checked: this is about 0.1 s. */
const MAX_REPEATED_STEPS = 5_000_000;

/** The check against one schema. */
export interface SchemaCheck {
  /** What breaks the schema: everything, or in a value that is large or takes long only what comes first. Throws `TooComplexError`. */
  find(value: unknown): readonly Finding[];
  /** How many steps all its checks have spent. */
  steps: number;
}

/**
 * Makes arguments with these findings valid: coerces strings, and takes defaults out again that break the schema, by
 * themselves or beside what was given. Throws `InvalidArgumentsError`, with the arguments as they were sent, or what
 * the check throws.
 */
export function repairArguments(
  args: Record<string, unknown>,
  found: readonly Finding[],
  filled: readonly Replacement[],
  check: SchemaCheck,
): void {
  let findings = coerceUntilValid(args, found, check);
  if (findings.length === 0) return;
  const wrong = filled.filter(({ path }) =>
    findings
      .slice(0, MAX_FINDINGS_TRACED)
      .some(({ instancePath }) => instancePath === path || instancePath.startsWith(`${path}/`)),
  );
  if (wrong.length > 0) {
    undo(wrong);
    findings = coerceUntilValid(args, check.find(args), check);
    if (findings.length === 0) return;
  }
  if (filled.length > 0) {
    undo(filled.filter((replacement) => !wrong.includes(replacement)));
    if (coerceUntilValid(args, check.find(args), check).length === 0) return;
  }
  throw new InvalidArgumentsError(toValidationIssues(findings, args));
}

/** Returns what breaks the schema after all strings are coerced that have to be; nothing is coerced then. */
function coerceUntilValid(args: unknown, found: readonly Finding[], check: SchemaCheck): readonly Finding[] {
  const maxSteps = check.steps + MAX_REPEATED_STEPS;
  let reported = closestFindings(found);
  // Where no string of the closest alternative can be coerced, those of the others may be.
  for (const isClosest of [true, false]) {
    const replaced: Replacement[] = [];
    let findings = found;
    for (let round = 0; round < MAX_ROUNDS && check.steps < maxSteps; round++) {
      const coerced = coerceStrings(args, isClosest ? closestFindings(findings) : findings);
      if (coerced.length === 0) break;
      replaced.push(...coerced);
      findings = check.find(args);
      if (findings.length === 0) return [];
    }
    // What the caller reads is about the arguments as they would be understood.
    const after = closestFindings(findings);
    undo(replaced);
    if (isClosest && replaced.length > 0 && after.length <= reported.length) reported = after;
  }
  return reported;
}

/**
 * Puts the numbers and booleans that a schema asks for in the place of strings that spell them, as mcpo's pydantic
 * models do; nothing else changes its type. Returns what was replaced.
 */
function coerceStrings(root: unknown, findings: readonly Finding[]): Replacement[] {
  return findings.flatMap(({ keyword, instancePath: path, params }) => {
    const text = keyword === 'type' ? valueAt(root, path) : undefined;
    const key = toSegments(path).at(-1);
    if (typeof text !== 'string' || key === undefined) return [];
    const candidates = [params.type].flat().map((type) => coerced(text, type));
    const value = candidates.find((candidate) => candidate !== undefined);
    if (value === undefined) return [];
    const holder = valueAt(root, path.slice(0, path.lastIndexOf('/'))) as Record<string, unknown>;
    holder[key] = value;
    return [{ path, holder, key, previous: text }];
  });
}

function coerced(text: string, type: unknown): number | boolean | undefined {
  if (text.length > 400) return undefined;
  if (type === 'boolean') return text === 'true' ? true : text === 'false' ? false : undefined;
  if (type !== 'integer' && type !== 'number') return undefined;
  if (!/^\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*$/i.test(text)) return undefined;
  const value = Number(text);
  const isExact = type === 'integer' ? Number.isSafeInteger(value) : Number.isFinite(value);
  return isExact ? value : undefined;
}

/** Undoes replacements, the last one first. */
function undo(replacements: readonly Replacement[]): void {
  for (const { holder, key, previous } of replacements.toReversed()) {
    if (previous === undefined) delete holder[key];
    else holder[key] = previous;
  }
}
