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
  const checked = schema.safeParse(value, { error: describeIssue });
  if (checked.success) return checked.data;
  for (const issue of checked.error.issues) {
    const at = place.at(...issue.path.filter((step) => typeof step !== 'symbol'));
    if (issue.code !== 'unrecognized_keys') at.problem(issue.message);
    else
      for (const [index, message] of issue.message.split('\n').entries())
        at.at(issue.keys[index] ?? '').problem(message);
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

/** The message of an issue for which the schema has none. */
function describeIssue(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      if (issue.input === undefined) return 'is missing.';
      return `must be ${TYPE_NAMES.get(issue.expected) ?? issue.expected}, and is ${describeValue(issue.input)}.`;
    case 'invalid_value':
      return `must be one of ${issue.values.map(String).join(', ')}.`;
    case 'unrecognized_keys':
      return describeUnknownKeys(issue.keys, issue.inst);
    default:
      return undefined;
  }
}

/** One line for each unknown key of an object with fixed keys. */
function describeUnknownKeys(keys: readonly string[], schema: unknown): string {
  const known = schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
  const hint = (key: string) => {
    const nearest = nearestName(key, known);
    return nearest === undefined ? `; known here: ${known.join(', ')}.` : `; did you mean "${nearest}"?`;
  };
  return keys.map((key) => `is not a known key${hint(key)}`).join('\n');
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
