import type { IncomingMessage } from 'node:http';
import { InvalidArgumentsError, UnsupportedMediaTypeError } from '../../errors.ts';
import { parseArguments, requireJson } from '../parse-arguments.ts';
import { readBody } from '../read-body.ts';

const MAX_VALUE_BODY_BYTES = 128 * 1024;

/**
 * Reads `{"value": "…"}`. Rejects with `UnsupportedMediaTypeError`, `BodyTooLargeError`, `CallCancelledError`, and with
 * `InvalidArgumentsError`, which says what is wrong and quotes nothing, since it may be a secret.
 */
export async function readValue(request: IncomingMessage): Promise<string> {
  const contentType = request.headers['content-type'];
  if (contentType === undefined)
    throw new UnsupportedMediaTypeError('The header Content-Type must be application/json.');
  requireJson(contentType);
  const { value: body } = parseArguments(await readBody(request, MAX_VALUE_BODY_BYTES));
  if (!Object.hasOwn(body, 'value')) throw invalid('missing', ['body', 'value'], 'Field required');
  if (Object.keys(body).length > 1) {
    throw invalid('extra_forbidden', ['body'], 'Input should have the key "value" and no other');
  }
  if (typeof body.value !== 'string') throw invalid('string_type', ['body', 'value'], 'Input should be a valid string');
  return body.value;
}

function invalid(type: string, loc: (string | number)[], msg: string): InvalidArgumentsError {
  return new InvalidArgumentsError([{ type, loc, msg }]);
}
