import type { IncomingMessage } from 'node:http';
import { InvalidArgumentsError, UnsupportedMediaTypeError } from '../../errors.ts';
import { parseArguments, requireJson } from '../tool-call/parse-arguments.ts';
import { readBody } from '../tool-call/read-body.ts';

const MAX_VALUE_BODY_BYTES = 128 * 1024;

/** Room for several values of the largest size. */
const MAX_VALUES_BODY_BYTES = 1024 * 1024;

/**
 * Reads `{"value": "…"}`. Rejects with `UnsupportedMediaTypeError`, `BodyTooLargeError`, `CallCancelledError`, and with
 * `InvalidArgumentsError`, which says what is wrong and quotes nothing, since it may be a secret.
 */
export async function readValue(request: IncomingMessage): Promise<string> {
  return toText(await readOnly(request, 'value', MAX_VALUE_BODY_BYTES), ['body', 'value']);
}

/** Reads `{"values": {"NAME": "…"}}`, with at least one name. Rejects as `readValue` does. */
export async function readValues(request: IncomingMessage): Promise<ReadonlyMap<string, string>> {
  const values = await readOnly(request, 'values', MAX_VALUES_BODY_BYTES);
  const isObject = typeof values === 'object' && values !== null && !Array.isArray(values);
  if (!isObject || Object.keys(values).length === 0) {
    throw invalid('dict_type', ['body', 'values'], 'Input should be an object with at least one value by its name');
  }
  return new Map(Object.entries(values).map(([name, value]) => [name, toText(value, ['body', 'values', name])]));
}

async function readOnly(request: IncomingMessage, key: string, maxBytes: number): Promise<unknown> {
  const contentType = request.headers['content-type'];
  if (contentType === undefined)
    throw new UnsupportedMediaTypeError('The header Content-Type must be application/json.');
  requireJson(contentType);
  const { value: body } = parseArguments(await readBody(request, maxBytes));
  if (!Object.hasOwn(body, key)) throw invalid('missing', ['body', key], 'Field required');
  if (Object.keys(body).length > 1) {
    throw invalid('extra_forbidden', ['body'], `Input should have the key "${key}" and no other`);
  }
  return body[key];
}

function toText(value: unknown, loc: (string | number)[]): string {
  if (typeof value === 'string') return value;
  throw invalid('string_type', loc, 'Input should be a valid string');
}

function invalid(type: string, loc: (string | number)[], msg: string): InvalidArgumentsError {
  return new InvalidArgumentsError([{ type, loc, msg }]);
}
