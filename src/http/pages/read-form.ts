import type { IncomingMessage } from 'node:http';
import { UnsupportedMediaTypeError } from '../../errors.ts';
import { readBody } from '../tool-call/read-body.ts';

/** Room for several values of the largest size: percent-encoding makes three bytes of one. */
const MAX_FORM_BYTES = 1024 * 1024;

/** Reads what a form of a page sends. Rejects with `UnsupportedMediaTypeError`, and as `readBody` does. */
export async function readForm(request: IncomingMessage): Promise<URLSearchParams> {
  if (!/^\s*application\/x-www-form-urlencoded\s*(;|$)/i.test(request.headers['content-type'] ?? '')) {
    throw new UnsupportedMediaTypeError('This address takes the forms of its page only; /vault/api takes JSON.');
  }
  return new URLSearchParams((await readBody(request, MAX_FORM_BYTES)).toString('utf8'));
}
