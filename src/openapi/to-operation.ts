import type { OperationObject, ReferenceObject, ResponseObject, SchemaObject } from 'openapi3-ts/oas31';
import type { JsonSchema, ToolDefinition } from '../mcp/session.ts';
import type { SchemaForm } from './document-input.ts';
import { toPortableSchema } from './portable-schema.ts';
import { type SchemaOutcome, toSchema } from './to-schema.ts';

/** A tool's operation with the schemas that it refers to, or why the tool cannot be in a document. */
export type OperationOutcome =
  | { readonly ok: true; readonly operation: OperationObject; readonly schemas: ReadonlyMap<string, SchemaObject> }
  | { readonly ok: false; readonly reason: string };

export interface OperationContext {
  readonly operationId: string;
  readonly schemas: SchemaForm;
  /** Groups the operation; none in a document of one server. */
  readonly tag: string | undefined;
  readonly errors: Readonly<Record<string, ReferenceObject>>;
}

/**
 * The POST operation that calls a tool. An input schema that cannot be published leaves the tool out; an output schema
 * that cannot be is only not told, for the tool can be called all the same.
 */
export function toOperation(
  tool: ToolDefinition,
  { operationId, schemas, tag, errors }: OperationContext,
): OperationOutcome {
  const publish = schemas === 'exact' ? toComponent : toInline;
  const input = publish(tool.inputSchema, `${operationId}.input`, 'arguments');
  if (!input.ok) return input;
  const output =
    tool.outputSchema === undefined ? undefined : publish(tool.outputSchema, `${operationId}.output`, 'value');

  const operation: OperationObject = {
    operationId,
    summary: toSummary(tool),
    ...toDescription(tool, input.schema),
    ...(tag === undefined ? {} : { tags: [tag] }),
    ...(tool.annotations === undefined ? {} : { 'x-mcp-annotations': toHints(tool.annotations) }),
    requestBody: {
      required: input.isRequired,
      content: { 'application/json': { schema: input.schema } },
    },
    responses: { 200: toResult(output?.ok === true ? output.schema : undefined), ...errors },
  };
  return {
    ok: true,
    operation,
    schemas: new Map([...input.components, ...(output?.ok === true ? output.components : [])]),
  };
}

/**
 * The tool's own description, and what holds between its arguments: Open WebUI reads only properties and `required` of
 * the body, so a sentence at its root would reach no model.
 */
function toDescription({ description, inputSchema }: ToolDefinition, body: SchemaObject): { description?: string } {
  const own =
    typeof inputSchema === 'object' && typeof inputSchema.description === 'string' ? inputSchema.description : '';
  const told = typeof body.description === 'string' ? body.description : '';
  const added = (told.startsWith(own) ? told.slice(own.length) : told).trim();
  const text = [description?.trim() ? description : undefined, added || undefined].filter(Boolean).join('\n\n');
  return text === '' ? {} : { description: text };
}

type Position = 'arguments' | 'value';

/** A schema as it stands in the operation, with the entries of `components/schemas` that it needs. */
type Published =
  | (Extract<SchemaOutcome, { ok: true }> & {
      /** Some property is, so there must be a body. */
      readonly isRequired: boolean;
    })
  | Extract<SchemaOutcome, { ok: false }>;

function toInline(source: JsonSchema, _name: string, position: Position): Published {
  const outcome = toPortableSchema(source, position);
  if (!outcome.ok) return outcome;
  return { ...outcome, components: new Map(), isRequired: isAnyRequired(outcome.schema) };
}

/** The whole schema is an entry as well: generators name their types after it. */
function toComponent(source: JsonSchema, name: string, position: Position): Published {
  const outcome = toSchema(source, name);
  if (!outcome.ok) return outcome;
  const isUntyped = outcome.schema.$ref === undefined && outcome.schema.type === undefined;
  const schema: SchemaObject =
    position === 'arguments' && isUntyped ? { type: 'object', ...outcome.schema } : outcome.schema;
  return {
    ok: true,
    schema: { $ref: `#/components/schemas/${name}` },
    components: new Map([[name, schema], ...outcome.components]),
    isRequired: isAnyRequired(schema),
  };
}

function isAnyRequired({ required }: SchemaObject): boolean {
  return Array.isArray(required) && required.length > 0;
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
