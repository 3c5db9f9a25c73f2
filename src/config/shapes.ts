import { z } from 'zod';

/** Schemas that several parts of the configuration share. */
export const text = z.string();
export const nonEmptyText = text.min(1, 'is empty.');
export const texts = z.array(nonEmptyText);
export const count = z.int().min(1, 'must be at least 1.');
export const httpUrl = z.url({ protocol: /^https?$/, error: 'must be an http or https URL.' });

/** Of the servers file as a whole, and of a server that wants another. */
export const toolErrorStatus = z
  .int()
  .refine((value) => value === 200 || (value >= 400 && value <= 599), 'must be 200 or an HTTP status from 400 to 599.')
  .meta({ anyOf: [{ const: 200 }, { minimum: 400, maximum: 599 }] })
  .default(500);
export const resultImages = z.enum(['data', 'url'], { error: 'must be "data" or "url".' }).default('data');

/** An object with keys of the admin's own, as a `Map`: one may be `__proto__`. */
export function mapOf<Value extends z.ZodType>(value: Value, rule = 'must be an object.', name = z.string()) {
  const toMap = (given: unknown) => (isObject(given) ? new Map(Object.entries(given)) : given);
  const error = ({ code }: { code?: string | undefined }) => (code === 'invalid_type' ? rule : undefined);
  return z.preprocess(toMap, z.map(name, value, { error }));
}

/** Marks it for the JSON Schema. */
export const ONE_OR_MORE = 'x-one-or-more';

/** A list, or one item alone; none is an empty list. Not a union, whose messages would not name the key at fault. */
export function oneOrMore<Item extends z.ZodType>(item: Item) {
  const asList = (given: unknown) => (given === undefined || Array.isArray(given) ? given : [given]);
  return z.preprocess(asList, z.array(item).default([])).meta({ [ONE_OR_MORE]: true });
}

/** A text that `parse` reads; `undefined` from it is an issue, whose message is `rule`. */
export function textAs<Value>(parse: (text: string) => Value | undefined, rule: string) {
  return z.string().transform((given, context) => {
    const parsed = parse(given);
    if (parsed !== undefined) return parsed;
    context.addIssue({ code: 'custom', message: rule });
    return z.NEVER;
  });
}

/** What a JSON Schema says of a text that is one of these names in any case. */
export function spellingsOf(names: readonly string[]) {
  const anyCase = (name: string) => name.replace(/[a-z]/g, (letter) => `[${letter}${letter.toUpperCase()}]`);
  return { anyOf: [{ enum: [...names] }, { pattern: `^(?:${names.map(anyCase).join('|')})$` }] };
}

/** A variable: an empty one is what `-e NAME=` of a container and an unfilled template leave behind, and counts as unset. */
export function variable<Value extends z.ZodType>(schema: Value) {
  const trimmed = (value: unknown) => (typeof value === 'string' ? value.trim() || undefined : value);
  return z.preprocess(trimmed, schema.optional()).optional();
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
