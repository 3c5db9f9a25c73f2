import { z } from 'zod';
import type { ConfigPlace, ConfigReport } from './config-report.ts';
import { nearestName } from './nearest-name.ts';

/**
 * Checks a value from outside against a schema and reports each issue at its own line.
 * Returns what the schema makes of it, or `undefined` if there was any issue.
 */
export function checkShape<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  place: ConfigPlace,
  report: ConfigReport,
): z.infer<Schema> | undefined {
  const checked = schema.safeParse(value, { error: describeUnknownKeys });
  if (checked.success) return checked.data;
  for (const issue of checked.error.issues) {
    const steps = issue.path.filter((step) => typeof step !== 'symbol');
    if (issue.code === 'unrecognized_keys') {
      const messages = issue.message.split('\n');
      for (const [index, key] of issue.keys.entries()) {
        const path = [...steps, key];
        const keyPlace = { ...place, path: [...place.path, ...path], key: keyOf(place.key, path) };
        report.problem(keyPlace, messages[index] ?? issue.message);
      }
      continue;
    }
    const issuePlace = { ...place, path: [...place.path, ...steps], key: keyOf(place.key, steps) };
    report.problem(issuePlace, describeIssue(issue, valueAt(value, steps)));
  }
  return undefined;
}

/** One line for each unknown key: what an object with fixed keys says of those that were probably meant. */
function describeUnknownKeys(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.code !== 'unrecognized_keys') return undefined;
  const { inst } = issue as { readonly inst?: unknown };
  const known = inst instanceof z.ZodObject ? Object.keys(inst.shape) : [];
  return issue.keys.map((key) => describeUnknownKey(key, known)).join('\n');
}

function describeUnknownKey(key: string, known: readonly string[]): string {
  const nearest = nearestName(key, known);
  return nearest === undefined
    ? `is not a known key${known.length === 0 ? '' : `; known here: ${known.join(', ')}`}.`
    : `is not a known key; did you mean "${nearest}"?`;
}

/** `args[1]`, `env.TOKEN`: as people name a place inside a value. */
export function keyOf(parent: string | undefined, steps: readonly (string | number)[]): string | undefined {
  let key = parent ?? '';
  for (const step of steps) {
    if (typeof step === 'number') key += `[${step}]`;
    else key += key === '' ? step : `.${step}`;
  }
  return key === '' ? undefined : key;
}

function describeIssue(issue: z.core.$ZodIssue, value: unknown): string {
  switch (issue.code) {
    case 'invalid_type':
      return value === undefined
        ? 'is missing.'
        : isCustom(issue)
          ? issue.message
          : `must be ${nameOfType(issue.expected)}, and is ${describeValue(value)}.`;
    case 'invalid_value':
      return isCustom(issue) ? issue.message : `must be one of ${issue.values.map(String).join(', ')}.`;
    default:
      return issue.message;
  }
}

/** zod's own messages begin with "Invalid"; those of the schemas do not. */
function isCustom(issue: z.core.$ZodIssue): boolean {
  return !issue.message.startsWith('Invalid');
}

function nameOfType(expected: string): string {
  const typeNames: ReadonlyMap<string, string> = new Map([
    ['string', 'a text'],
    ['number', 'a number'],
    ['int', 'a whole number'],
    ['boolean', 'true or false'],
    ['array', 'a list'],
    ['object', 'an object'],
  ]);
  return typeNames.get(expected) ?? expected;
}

/** The kind of a value and never the value: it may be a secret in the wrong place. */
function describeValue(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  switch (typeof value) {
    case 'string':
      return 'a text';
    case 'number':
      return Number.isInteger(value) ? 'a number' : 'a number with a fraction';
    case 'boolean':
      return String(value);
    default:
      return 'an object';
  }
}

function valueAt(value: unknown, steps: readonly (string | number)[]): unknown {
  let current = value;
  for (const step of steps) {
    if (typeof current !== 'object' || current === null) return undefined;
    current = Reflect.get(current, step);
  }
  return current;
}
