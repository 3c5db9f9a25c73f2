import { z } from 'zod';

/** Schemas that several parts of the configuration share. */
export const nonEmptyText = z.string().min(1, 'is empty.');
export const texts = z.array(nonEmptyText);
export const httpUrl = z.url({ protocol: /^https?$/, error: 'must be an http or https URL.' });

/** An object with keys of the admin's own, as a `Map`: one may be `__proto__`. */
export function mapOf<Value extends z.ZodType>(value: Value, rule = 'must be an object.') {
  const toMap = (given: unknown) =>
    typeof given === 'object' && given !== null && !Array.isArray(given) ? new Map(Object.entries(given)) : given;
  const error = ({ code }: { code?: string | undefined }) => (code === 'invalid_type' ? rule : undefined);
  return z.preprocess(toMap, z.map(z.string(), value, { error }));
}

/** A text that `parse` reads; `undefined` from it is an issue, whose message is `rule`. */
export function textAs<Value>(parse: (text: string) => Value | undefined, rule: string) {
  return z.string().transform((text, context) => {
    const parsed = parse(text);
    if (parsed !== undefined) return parsed;
    context.addIssue({ code: 'custom', message: rule });
    return z.NEVER;
  });
}
