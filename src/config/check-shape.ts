import { z } from 'zod';
import type { ConfigPlace } from './config-report.ts';
import { nearestName } from './nearest-name.ts';
import { isObject } from './shapes.ts';

const TYPE_NAMES: ReadonlyMap<string, string> = new Map([
  ['string', 'a text'],
  ['number', 'a number'],
  ['int', 'a whole number'],
  ['boolean', 'true or false'],
  ['array', 'a list'],
  ['object', 'an object'],
]);

/**
 * Checks a value from outside against a schema and reports each issue at its own line.
 * Returns the parsed value, or `undefined` if there was any issue.
 */
export function checkShape<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  place: ConfigPlace,
): z.infer<Schema> | undefined {
  const checked = schema.safeParse(value, { error: describeUnknownKeys });
  if (checked.success) return checked.data;
  for (const issue of checked.error.issues) {
    const steps = issue.path.filter((step) => typeof step !== 'symbol');
    if (issue.code === 'unrecognized_keys') {
      const messages = issue.message.split('\n');
      for (const [index, key] of issue.keys.entries())
        place.at(...steps, key).problem(messages[index] ?? issue.message);
    } else {
      place.at(...steps).problem(describeIssue(issue, valueAt(value, steps)));
    }
  }
  return undefined;
}

/** Warns of keys that nothing reads; a key that is almost one of `restricting` is an error, since it restricts nothing. */
export function reportUnknownKeys(
  value: unknown,
  known: readonly string[],
  place: ConfigPlace,
  restricting: ReadonlySet<string> = new Set(),
): void {
  if (!isObject(value)) return;
  for (const key of Object.keys(value)) {
    if (known.includes(key)) continue;
    const nearest = nearestName(key, known);
    if (nearest === undefined) place.at(key).warning('is not a known key and has no effect.');
    else if (restricting.has(nearest)) place.at(key).problem(`is not a known key; did you mean "${nearest}"?`);
    else place.at(key).warning(`is not a known key and has no effect; did you mean "${nearest}"?`);
  }
}

/** One line for each unknown key of an object with fixed keys. */
function describeUnknownKeys(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.code !== 'unrecognized_keys') return undefined;
  const { inst } = issue as { readonly inst?: unknown };
  const known = inst instanceof z.ZodObject ? Object.keys(inst.shape) : [];
  const hint = (key: string) => {
    const nearest = nearestName(key, known);
    if (nearest !== undefined) return `; did you mean "${nearest}"?`;
    return known.length === 0 ? '.' : `; known here: ${known.join(', ')}.`;
  };
  return issue.keys.map((key) => `is not a known key${hint(key)}`).join('\n');
}

function describeIssue(issue: z.core.$ZodIssue, value: unknown): string {
  // zod's own messages begin with "Invalid"; those of the schemas do not.
  const isCustom = !issue.message.startsWith('Invalid');
  if (issue.code === 'invalid_type' && value === undefined) return 'is missing.';
  if (isCustom) return issue.message;
  if (issue.code === 'invalid_type') {
    return `must be ${TYPE_NAMES.get(issue.expected) ?? issue.expected}, and is ${describeValue(value)}.`;
  }
  return issue.code === 'invalid_value' ? `must be one of ${issue.values.map(String).join(', ')}.` : issue.message;
}

/** The kind of a value and never the value: it may be a secret in the wrong place. */
function describeValue(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'string') return 'a text';
  if (typeof value === 'boolean') return String(value);
  if (typeof value === 'number') return Number.isInteger(value) ? 'a number' : 'a number with a fraction';
  return 'an object';
}

function valueAt(value: unknown, steps: readonly (string | number)[]): unknown {
  let current = value;
  for (const step of steps) {
    if (typeof current !== 'object' || current === null) return undefined;
    current = Reflect.get(current, step);
  }
  return current;
}
