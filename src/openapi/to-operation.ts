import type { OperationObject, ReferenceObject, ResponseObject, SchemaObject } from 'openapi3-ts/oas31';
import type { ToolDefinition } from '../mcp/session.ts';
import { toSchema } from './to-schema.ts';

/** A tool's operation with the schemas that it refers to, or why the tool cannot be in a document. */
export type OperationOutcome =
  | { readonly ok: true; readonly operation: OperationObject; readonly schemas: ReadonlyMap<string, SchemaObject> }
  | { readonly ok: false; readonly reason: string };

export interface OperationContext {
  readonly operationId: string;
  /** Groups the operation; none in a document of one server. */
  readonly tag: string | undefined;
  readonly errors: Readonly<Record<string, ReferenceObject>>;
}

/**
 * The POST operation that calls a tool. An input schema that cannot be published leaves the tool out; an output schema
 * that cannot be is only not told, for the tool can be called all the same.
 */
export function toOperation(tool: ToolDefinition, { operationId, tag, errors }: OperationContext): OperationOutcome {
  const input = toSchema(tool.inputSchema, `${operationId}.input`);
  if (!input.ok) return input;
  const output = tool.outputSchema === undefined ? undefined : toSchema(tool.outputSchema, `${operationId}.output`);

  const schema: SchemaObject =
    input.schema.$ref === undefined && input.schema.type === undefined
      ? { type: 'object', ...input.schema }
      : input.schema;
  const operation: OperationObject = {
    operationId,
    summary: toSummary(tool),
    ...(tool.description ? { description: tool.description } : {}),
    ...(tag === undefined ? {} : { tags: [tag] }),
    ...(tool.annotations === undefined ? {} : { 'x-mcp-annotations': toHints(tool.annotations) }),
    requestBody: {
      required: Array.isArray(schema.required) && schema.required.length > 0,
      content: { 'application/json': { schema } },
    },
    responses: { 200: toResult(output?.ok === true ? output.schema : undefined), ...errors },
  };
  return {
    ok: true,
    operation,
    schemas: new Map([...input.components, ...(output?.ok === true ? output.components : [])]),
  };
}

function toResult(schema: SchemaObject | undefined): ResponseObject {
  return {
    description: 'What the tool returns.',
    content: { 'application/json': { schema: schema ?? { description: 'Any JSON value.' } } },
  };
}

/** The specification has the title first, then the one among the annotations (MCP 2025-06-18, `BaseMetadata`). */
function toSummary(tool: ToolDefinition): string {
  const titles = [tool.title, tool.annotations?.title, humanise(tool.name), tool.name];
  return titles.find((title): title is string => typeof title === 'string' && title.trim() !== '') ?? tool.name;
}

/** `get_current-time` and `getCurrentTime` as `Get Current Time`. */
function humanise(name: string): string {
  return name
    .replace(/([\p{Ll}\p{N}])(\p{Lu})/gu, '$1 $2')
    .split(/[_\-.\s]+/u)
    .filter(Boolean)
    .map((word) => `${[...word][0]?.toUpperCase() ?? ''}${[...word].slice(1).join('')}`)
    .join(' ');
}

/** Only plain values: annotations have no depth of their own. */
function toHints(annotations: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(annotations).filter(([, value]) => ['string', 'boolean', 'number'].includes(typeof value)),
  );
}
