import type { ValidationIssue } from '../../errors.ts';
import { escapeSegment, toSegments, valueAt } from '../json-object.ts';
import type { Finding } from './check-compiler.ts';
import { isLarger } from './value-size.ts';

const MAX_ISSUES = 20;
const MAX_INPUT_LENGTH = 200;
const MAX_NAME_LENGTH = 200;
const MAX_LISTED_LENGTH = 1_000;

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

/** Describes what breaks a schema in the shape of FastAPI's 422 body: at most twenty issues, without long inputs. */
export function toValidationIssues(findings: readonly Finding[], args: unknown): ValidationIssue[] {
  const issues = new Map<string, ValidationIssue>();
  for (const finding of findings) {
    if (issues.size >= MAX_ISSUES) break;
    const issue = toIssue(finding, args);
    issues.set(`${issue.type} ${JSON.stringify(issue.loc)} ${issue.msg}`, issue);
  }
  return [...issues.values()];
}

function toIssue(finding: Finding, root: unknown): ValidationIssue {
  const { keyword, instancePath, params } = finding;
  const subject = params.missingProperty ?? params.additionalProperty ?? params.unevaluatedProperty;
  const hasSubject = typeof subject === 'string';
  const value = valueAt(root, instancePath);
  const isOfSubject = hasSubject && keyword !== 'required' && keyword !== 'dependentRequired';
  const input = isOfSubject ? (value as Record<string, unknown> | undefined)?.[subject] : value;
  return {
    type: toTypeName(finding),
    loc: ['body', ...toPath(instancePath, root), ...(hasSubject ? [shortened(subject)] : [])],
    msg: toMessage(finding).replace(/[\p{Cc}\u2028\u2029]+/gu, ' '),
    ...(isShort(input) ? { input } : {}),
  };
}

function toTypeName({ keyword, params }: Finding): string {
  if (keyword !== 'type') return TYPE_NAMES[keyword] ?? `json_schema_${keyword}`;
  const types = [params.type].flat();
  return (types.length === 1 ? JSON_TYPE_NAMES[String(types[0])] : undefined) ?? 'type_error';
}

function toMessage({ keyword, params }: Finding): string {
  switch (keyword) {
    case 'required':
      return 'Field required';
    case 'dependentRequired':
      return `Field required when ${listed([params.property])} is given`;
    case 'additionalProperties':
    case 'unevaluatedProperties':
      return 'Extra inputs are not permitted';
    case 'unevaluatedItems':
    case 'items':
      return `Input should have no more than ${String(params.limit ?? params.len)} items`;
    case 'type':
      return `Input should be ${[params.type].flat().join(' or ')}`;
    case 'enum':
      return `Input should be one of ${listed(params.allowedValues as readonly unknown[])}`;
    case 'const':
      return `Input should be ${listed([params.allowedValue])}`;
    case 'minimum':
    case 'maximum':
    case 'exclusiveMinimum':
    case 'exclusiveMaximum':
      return `Input must be ${String(params.comparison)} ${String(params.limit)}`;
    case 'multipleOf':
      return `Input must be a multiple of ${String(params.multipleOf)}`;
    case 'minLength':
    case 'maxLength':
      return `Input must have ${atLeastOrMost(keyword)} ${String(params.limit)} characters`;
    case 'minItems':
    case 'maxItems':
      return `Input must have ${atLeastOrMost(keyword)} ${String(params.limit)} items`;
    case 'minProperties':
    case 'maxProperties':
      return `Input must have ${atLeastOrMost(keyword)} ${String(params.limit)} properties`;
    case 'uniqueItems':
      return 'Input must not have two items that are equal';
    case 'pattern':
      return `Input must match pattern ${listed([params.pattern])}`;
    case 'format':
      return `Input must match format ${listed([params.format])}`;
    case 'contains':
      return `Input must have at least ${String(params.minContains)} of the items that its schema asks for`;
    case 'propertyNames':
      return `Input must not have the property name ${listed([params.propertyName])}`;
    case 'anyOf':
      return 'Input must be one of the alternatives of its schema';
    case 'oneOf':
      return 'Input must be exactly one of the alternatives of its schema, and is more than one or none';
    case 'not':
      return 'Input must not be what its schema excludes';
    case 'false schema':
      return 'Input is not permitted';
    default:
      return `Input breaks "${keyword}"`;
  }
}

function atLeastOrMost(keyword: string): string {
  return keyword.startsWith('min') ? 'at least' : 'at most';
}

function listed(values: readonly unknown[]): string {
  let text = '';
  for (const value of values) {
    if (text.length > MAX_LISTED_LENGTH) break;
    text += `${text === '' ? '' : ', '}${JSON.stringify(value)}`;
  }
  return text.length > MAX_LISTED_LENGTH ? `${text.slice(0, MAX_LISTED_LENGTH).toWellFormed()}…` : text;
}

/** A JSON pointer (RFC 6901) as FastAPI's `loc`: indices of arrays are numbers. */
function toPath(pointer: string, root: unknown): (string | number)[] {
  let value = root;
  return toSegments(pointer).map((key) => {
    const step = Array.isArray(value) ? Number(key) : shortened(key);
    value = valueAt(value, `/${escapeSegment(key)}`);
    return step;
  });
}

function shortened(name: string): string {
  return name.length > MAX_NAME_LENGTH ? `${name.slice(0, MAX_NAME_LENGTH).toWellFormed()}…` : name;
}

function isShort(input: unknown): boolean {
  if (typeof input === 'string') return input.length < MAX_INPUT_LENGTH;
  return !isLarger(input, MAX_INPUT_LENGTH) && (JSON.stringify(input)?.length ?? 0) <= MAX_INPUT_LENGTH;
}
