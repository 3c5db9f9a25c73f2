import type { JsonSchema } from '../mcp/session.ts';
import { findSchemaProblem } from '../schema/schema-problem.ts';

/**
 * Says why a tool with this inputSchema cannot be served, with the place as a JSON pointer, or `undefined` when it
 * can. A network `$ref` is never fetched (MCP 2025-11-25, "JSON Schema Usage").
 */
export function schemaRefusal(schema: JsonSchema): string | undefined {
  const problem = findSchemaProblem(schema);
  return problem && `its schema ${problem.reason} (at ${problem.place})`;
}
