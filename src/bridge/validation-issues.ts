import type { ErrorObject } from 'ajv';
import type { ValidationIssue } from '../errors.ts';

const MAX_ISSUES = 20;
const MAX_INPUT_LENGTH = 200;

/** Pydantic's names for what ajv's keywords found, since clients of mcpo know those. */
const TYPE_NAMES: Readonly<Record<string, string>> = {
  required: 'missing',
  additionalProperties: 'extra_forbidden',
  unevaluatedProperties: 'extra_forbidden',
  enum: 'enum',
  const: 'literal_error',
  minimum: 'greater_than_equal',
  exclusiveMinimum: 'greater_than',
  maximum: 'less_than_equal',
  exclusiveMaximum: 'less_than',
  multipleOf: 'multiple_of',
  minLength: 'string_too_short',
  maxLength: 'string_too_long',
  pattern: 'string_pattern_mismatch',
  minItems: 'too_short',
  maxItems: 'too_long',
};

const JSON_TYPE_NAMES: Readonly<Record<string, string>> = {
  integer: 'int_type',
  number: 'float_type',
  string: 'string_type',
  boolean: 'bool_type',
  object: 'dict_type',
  array: 'list_type',
  null: 'none_required',
};

/** Tells ajv's findings in the shape of FastAPI's 422 body; at most twenty, long inputs left out. */
export function toValidationIssues(errors: readonly ErrorObject[], args: unknown): ValidationIssue[] {
  const issues = errors.map((error) => toIssue(error, args));
  const unique = new Map(issues.map((issue) => [`${issue.type} ${JSON.stringify(issue.loc)} ${issue.msg}`, issue]));
  return [...unique.values()].slice(0, MAX_ISSUES);
}

function toIssue(error: ErrorObject, args: unknown): ValidationIssue {
  const loc = ['body', ...toPath(error.instancePath, args)];
  const subject = error.params.missingProperty ?? error.params.additionalProperty ?? error.params.unevaluatedProperty;
  if (typeof subject === 'string') loc.push(subject);
  const isMissing = error.keyword === 'required';
  const input = isMissing || subject === undefined ? error.data : (error.data as Record<string, unknown>)[subject];
  return {
    type: toTypeName(error),
    loc,
    msg: toMessage(error),
    ...(isShort(input) ? { input } : {}),
  };
}

function toTypeName(error: ErrorObject): string {
  if (error.keyword !== 'type') return TYPE_NAMES[error.keyword] ?? `json_schema_${error.keyword}`;
  const types = [error.params.type].flat();
  return (types.length === 1 ? JSON_TYPE_NAMES[String(types[0])] : undefined) ?? 'type_error';
}

function toMessage(error: ErrorObject): string {
  if (error.keyword === 'required') return 'Field required';
  if (TYPE_NAMES[error.keyword] === 'extra_forbidden') return 'Extra inputs are not permitted';
  if (error.keyword === 'type') return `Input should be ${[error.params.type].flat().join(' or ')}`;
  if (error.keyword === 'enum') return `Input should be one of ${listed(error.params.allowedValues)}`;
  if (error.keyword === 'const') return `Input should be ${JSON.stringify(error.params.allowedValue)}`;
  return `Input ${error.message ?? `breaks "${error.keyword}"`}`;
}

function listed(values: readonly unknown[]): string {
  const text = values.map((value) => JSON.stringify(value)).join(', ');
  return text.length > 1_000 ? `${text.slice(0, 1_000)}…` : text;
}

/** A JSON pointer (RFC 6901) as FastAPI's `loc`: indices of arrays are numbers. */
function toPath(pointer: string, args: unknown): (string | number)[] {
  let node: unknown = args;
  const keys = pointer.split('/').slice(1);
  return keys.map((escaped) => {
    const key = escaped.replaceAll('~1', '/').replaceAll('~0', '~');
    const step = Array.isArray(node) ? Number(key) : key;
    node = (node as Record<string | number, unknown> | undefined)?.[step];
    return step;
  });
}

function isShort(input: unknown): boolean {
  return (JSON.stringify(input)?.length ?? 0) <= MAX_INPUT_LENGTH;
}
