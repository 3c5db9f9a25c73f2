import type { JsonSchema } from '../mcp/session.ts';

const MAX_LEVELS = 100;

/**
 * Says why a tool with this schema cannot be served, or `undefined` when it can. A network `$ref` is never fetched
 * (MCP 2025-11-25, "JSON Schema Usage"), and levels are bounded so that no walk over a schema overflows the stack.
 */
export function schemaRefusal(schema: JsonSchema): string | undefined {
  const open: { node: unknown; level: number }[] = [{ node: schema, level: 0 }];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { node, level } = next;
    if (typeof node !== 'object' || node === null) continue;
    if (level > MAX_LEVELS) return `its schema is more than ${MAX_LEVELS} levels deep`;
    const reference = Array.isArray(node) ? undefined : (node as Record<string, unknown>).$ref;
    if (typeof reference === 'string' && /^([a-z][a-z0-9+.-]*:|\/\/)/i.test(reference)) {
      return `its schema refers to ${JSON.stringify(reference.slice(0, 200))}, and no $ref is fetched`;
    }
    for (const child of Object.values(node)) open.push({ node: child, level: level + 1 });
  }
  return undefined;
}
