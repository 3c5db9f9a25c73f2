import { InvalidArgumentsError, type ValidationIssue } from '../../../src/errors.ts';
import type { JsonSchema } from '../../../src/mcp/session.ts';
import { ArgumentChecks } from '../../../src/schema/check/argument-check.ts';
import { schemaRefusal } from '../../../src/schema/normalize-schema.ts';

/** What arrives at the server, or the issues; the schema must be one that is served. */
export function verdictOn(schema: JsonSchema, args: Record<string, unknown>): object | readonly ValidationIssue[] {
  const refusal = schemaRefusal(schema);
  if (refusal !== undefined) throw new Error(refusal);
  try {
    new ArgumentChecks().add(schema)(args);
    return args;
  } catch (error) {
    if (error instanceof InvalidArgumentsError) return error.issues;
    throw error;
  }
}

/** An object schema of these properties. */
export function object(properties: Record<string, unknown>, rest: Record<string, unknown> = {}): JsonSchema {
  return { type: 'object', properties, ...rest };
}

/** Whether an argument `x` of this schema is taken. */
export function takes(schema: unknown, x: unknown, root: Record<string, unknown> = {}): boolean {
  return !Array.isArray(verdictOn(object({ x: schema }, root), { x }));
}
