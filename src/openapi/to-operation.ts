import type { OperationObject, ReferenceObject, ResponseObject, SchemaObject } from 'openapi3-ts/oas31';
import type { JsonSchema, ToolDefinition } from '../mcp/session.ts';
import { type ExactSchema, toExactSchema } from '../schema/exact-schema.ts';
import { schemaRefusal } from '../schema/normalize-schema.ts';
import { toPortableSchema } from '../schema/portable/portable-schema.ts';
import type { SchemaForm } from './document-input.ts';

/** A tool's operation with the entries of `components/schemas` that it refers to. */
export interface ToolOperation {
  readonly operation: OperationObject;
  readonly components: ReadonlyMap<string, SchemaObject>;
}

interface OperationContext {
  readonly operationId: string;
  readonly schemas: SchemaForm;
  /** Groups the operation; none in a document of one server. */
  readonly tag: string | undefined;
  readonly errors: Readonly<Record<string, ReferenceObject>>;
}

/**
 * The POST operation that calls a tool. An output schema that is refused is left out, for the tool can be called all
 * the same. Throws `RefusedSchemaError` for an input schema.
 */
export function toOperation(
  tool: ToolDefinition,
  { operationId, schemas, tag, errors }: OperationContext,
): ToolOperation {
  const publish = schemas === 'exact' ? toComponent : toInline;
  const { inputSchema, outputSchema } = tool;
  const input = publish(inputSchema, `${operationId}.input`, 'arguments');
  const hasOutput = outputSchema !== undefined && schemaRefusal(outputSchema) === undefined;
  const output = hasOutput ? publish(outputSchema, `${operationId}.output`, 'value') : undefined;

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
    responses: { 200: toResult(output?.schema), ...errors },
  };
  return { operation, components: new Map([...input.components, ...(output?.components ?? [])]) };
}

/**
 * The tool's own description, and the conditions between its arguments: Open WebUI reads only properties and `required`
 * of the body, so a sentence at its root would reach no model.
 */
function toDescription({ description, inputSchema }: ToolDefinition, body: SchemaObject): { description?: string } {
  const own =
    typeof inputSchema === 'object' && typeof inputSchema.description === 'string' ? inputSchema.description : '';
  const whole = typeof body.description === 'string' ? body.description : '';
  const added = (whole.startsWith(own) ? whole.slice(own.length) : whole).trim();
  const text = [description?.trim() ? description : undefined, added || undefined].filter(Boolean).join('\n\n');
  return text === '' ? {} : { description: text };
}

type Position = 'arguments' | 'value';

/** A schema in its operation. */
interface PublishedSchema extends ExactSchema {
  /** Some property is, so there must be a body. */
  readonly isRequired: boolean;
}

function toInline(source: JsonSchema, _name: string, position: Position): PublishedSchema {
  const schema = toPortableSchema(source, position);
  return { schema, components: new Map(), isRequired: isAnyRequired(schema) };
}

/** The whole schema is a component as well: generators name their types after it. */
function toComponent(source: JsonSchema, name: string, position: Position): PublishedSchema {
  const { schema, components } = toExactSchema(source, name);
  const isUntyped = schema.$ref === undefined && schema.type === undefined;
  const whole: SchemaObject = position === 'arguments' && isUntyped ? { type: 'object', ...schema } : schema;
  return {
    schema: { $ref: `#/components/schemas/${name}` },
    components: new Map([[name, whole], ...components]),
    isRequired: isAnyRequired(whole),
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
