import type { IncomingMessage } from 'node:http';
import { z } from 'zod';
import { isIdentifier } from '../../auth/claims.ts';
import { parseUserId } from '../../auth/user.ts';
import { InvalidArgumentsError, UnsupportedMediaTypeError, type ValidationIssue } from '../../errors.ts';
import { parseArguments, requireJson } from '../tool-call/parse-arguments.ts';
import { readBody } from '../tool-call/read-body.ts';

const MAX_VALUE_BODY_BYTES = 128 * 1024;
/** Room for several values of the largest size. */
const MAX_VALUES_BODY_BYTES = 1024 * 1024;

const USER_RULE = 'Input should be "SUBJECT" of Open WebUI, "ISSUER:SUBJECT" or {"issuer": …, "subject": …}';

const secret = z.string().meta({ writeOnly: true });

export const newValueSchema = z.strictObject({ value: secret }).meta({ description: 'A value to store.' });

export const newValuesSchema = z
  .strictObject({
    values: z
      .record(z.string(), secret)
      .refine((values) => Object.keys(values).length > 0)
      .meta({ minProperties: 1 }),
  })
  .meta({ description: 'Values to store, by the names of their user variables.' });

const identifier = z.string().refine(isIdentifier);
const userId = z.strictObject({ issuer: identifier, subject: identifier });
const userText = z
  .string()
  .transform((given) => parseUserId(given) ?? { issuer: '', subject: '' })
  .pipe(userId);

const newLinkSchema = z.strictObject({
  server: z.string().min(1),
  user: z.union([userText, userId]).optional(),
});

/**
 * Reads `{"value": "…"}`. Rejects with `UnsupportedMediaTypeError`, `BodyTooLargeError`, `CallCancelledError`, and with
 * `InvalidArgumentsError`, which says what is wrong and quotes nothing, since it may be a secret.
 */
export async function readValue(request: IncomingMessage): Promise<string> {
  return (await readAs(newValueSchema, request, MAX_VALUE_BODY_BYTES)).value;
}

/** Reads `{"values": {"NAME": "…"}}`, with at least one name. Rejects as `readValue` does. */
export async function readValues(request: IncomingMessage): Promise<ReadonlyMap<string, string>> {
  return new Map(Object.entries((await readAs(newValuesSchema, request, MAX_VALUES_BODY_BYTES)).values));
}

/**
 * Reads `{"server": "…", "user": …}`: `user` is absent, `SUBJECT`, `ISSUER:SUBJECT` or `{"issuer", "subject"}`. Rejects as
 * `readValue` does.
 */
export async function readNewLink(request: IncomingMessage): Promise<z.infer<typeof newLinkSchema>> {
  return readAs(newLinkSchema, request, MAX_VALUE_BODY_BYTES);
}

async function readAs<Body>(schema: z.ZodType<Body>, request: IncomingMessage, maxBytes: number): Promise<Body> {
  const contentType = request.headers['content-type'];
  if (contentType === undefined) {
    throw new UnsupportedMediaTypeError('The header Content-Type must be application/json.');
  }
  requireJson(contentType);
  const { value } = parseArguments(await readBody(request, maxBytes));
  const { data, error } = schema.safeParse(value, { reportInput: true });
  if (error !== undefined) throw new InvalidArgumentsError(error.issues.map(toIssue));
  return data;
}

function toIssue(issue: z.core.$ZodIssue): ValidationIssue {
  const loc = ['body', ...issue.path.map(String)];
  if (issue.code === 'unrecognized_keys')
    return { type: 'extra_forbidden', loc, msg: 'Input should have no other keys' };
  if (issue.code === 'invalid_union') return { type: 'user_id', loc, msg: USER_RULE };
  if (issue.code !== 'invalid_type') return { type: 'too_short', loc, msg: 'Input should have at least one value' };
  if (issue.input === undefined) return { type: 'missing', loc, msg: 'Field required' };
  return issue.expected === 'string'
    ? { type: 'string_type', loc, msg: 'Input should be a valid string' }
    : { type: 'dict_type', loc, msg: 'Input should be an object with at least one value by its name' };
}
