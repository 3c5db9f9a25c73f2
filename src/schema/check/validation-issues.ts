import type { ValidationIssue } from '../../errors.ts';
import { escapeSegment, toSegments, valueAt } from '../json-object.ts';
import type { Finding } from './check-compiler.ts';
import { isLarger } from './value-size.ts';

const MAX_ISSUES = 20;
const MAX_INPUT_LENGTH = 200;
const MAX_NAME_LENGTH = 200;
const MAX_LISTED_LENGTH = 1_000;

type Params = Finding['params'];
type Message = string | ((params: Params) => string);

const bound = (params: Params) => `Input must be ${String(params.comparison)} ${String(params.limit)}`;
const size = (comparison: 'at least' | 'at most', unit: string) => (params: Params) =>
  `Input must have ${comparison} ${String(params.limit)} ${unit}`;
const tooMany = (params: Params) => `Input should have no more than ${String(params.limit ?? params.len)} items`;
const EXTRA = 'Extra inputs are not permitted';

/** The message for each of ajv's keywords, and its type where pydantic has one, since clients of mcpo know those. */
const KEYWORDS: Readonly<Record<string, readonly [type: string | undefined, message: Message]>> = {
  required: ['missing', 'Field required'],
  dependentRequired: [undefined, ({ property }) => `Field required when ${listed([property])} is given`],
  additionalProperties: ['extra_forbidden', EXTRA],
  unevaluatedProperties: ['extra_forbidden', EXTRA],
  unevaluatedItems: [undefined, tooMany],
  items: [undefined, tooMany],
  type: [undefined, ({ type }) => `Input should be ${[type].flat().join(' or ')}`],
  enum: ['enum', ({ allowedValues }) => `Input should be one of ${listed(allowedValues as readonly unknown[])}`],
  const: ['literal_error', ({ allowedValue }) => `Input should be ${listed([allowedValue])}`],
  minimum: ['greater_than_equal', bound],
  exclusiveMinimum: ['greater_than', bound],
  maximum: ['less_than_equal', bound],
  exclusiveMaximum: ['less_than', bound],
  multipleOf: ['multiple_of', ({ multipleOf }) => `Input must be a multiple of ${String(multipleOf)}`],
  minLength: ['string_too_short', size('at least', 'characters')],
  maxLength: ['string_too_long', size('at most', 'characters')],
  pattern: ['string_pattern_mismatch', ({ pattern }) => `Input must match pattern ${listed([pattern])}`],
  format: [undefined, ({ format }) => `Input must match format ${listed([format])}`],
  minItems: ['too_short', size('at least', 'items')],
  maxItems: ['too_long', size('at most', 'items')],
  minProperties: [undefined, size('at least', 'properties')],
  maxProperties: [undefined, size('at most', 'properties')],
  uniqueItems: [undefined, 'Input must not have two items that are equal'],
  contains: [
    undefined,
    ({ minContains }) => `Input must have at least ${String(minContains)} of the items that its schema asks for`,
  ],
  propertyNames: [undefined, ({ propertyName }) => `Input must not have the property name ${listed([propertyName])}`],
  anyOf: [undefined, 'Input must be one of the alternatives of its schema'],
  oneOf: [undefined, 'Input must be exactly one of the alternatives of its schema, and is more than one or none'],
  not: [undefined, 'Input must not be what its schema excludes'],
  'false schema': [undefined, 'Input is not permitted'],
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
  if (keyword !== 'type') return KEYWORDS[keyword]?.[0] ?? `json_schema_${keyword}`;
  const types = [params.type].flat();
  return (types.length === 1 ? JSON_TYPE_NAMES[String(types[0])] : undefined) ?? 'type_error';
}

function toMessage({ keyword, params }: Finding): string {
  const message = KEYWORDS[keyword]?.[1] ?? `Input breaks "${keyword}"`;
  return typeof message === 'string' ? message : message(params);
}

function listed(values: readonly unknown[]): string {
  const texts = values.map((value) => JSON.stringify(value));
  return shortened(texts.join(', '), MAX_LISTED_LENGTH);
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

function shortened(text: string, length = MAX_NAME_LENGTH): string {
  return text.length > length ? `${text.slice(0, length).toWellFormed()}…` : text;
}

function isShort(input: unknown): boolean {
  if (typeof input === 'string') return input.length < MAX_INPUT_LENGTH;
  return !isLarger(input, MAX_INPUT_LENGTH) && (JSON.stringify(input)?.length ?? 0) <= MAX_INPUT_LENGTH;
}
