import { type KeyObject, randomUUID } from 'node:crypto';
import jsonwebtoken, { type Algorithm } from 'jsonwebtoken';
import { type JsonObject, parseJsonObject } from './json-body.ts';
import { TokenRefusedError } from './token-refused-error.ts';

/** Characters; longer ones are refused before anything in them is read. */
const MAX_TOKEN_LENGTH = 16 * 1024;

const MAX_KEY_ID_LENGTH = 1_024;
const THREE_PARTS = /^([\w-]+)\.([\w-]+)\.([\w-]+)$/;
/** RFC 7519, section 5.1 and RFC 9068, section 2.1. */
const ACCEPTED_TYPES: ReadonlySet<unknown> = new Set([
  undefined,
  'jwt',
  'at+jwt',
  'application/jwt',
  'application/at+jwt',
]);

/** What a token says of itself: not to be trusted before its signature is verified. */
export interface UnverifiedToken {
  readonly algorithm: string;
  /** Only ever looked up among the keys that are there. */
  readonly keyId: string | undefined;
  readonly issuer: unknown;
}

/**
 * Reads a token in the compact form of RFC 7515, section 3.1. `jku`, `x5u`, `jwk` and `x5c` are not read at all;
 * a header with `crit` is refused, since no extension is understood. `types` are those of its `typ`, in lower case.
 * Throws `TokenRefusedError`.
 */
export function parseToken(token: string, types: ReadonlySet<unknown> = ACCEPTED_TYPES): UnverifiedToken {
  if (token.length > MAX_TOKEN_LENGTH) throw malformed('too long');
  const match = THREE_PARTS.exec(token);
  const [, headerPart, payloadPart, signature] = match ?? [];
  if (headerPart === undefined || payloadPart === undefined || signature === undefined)
    throw malformed('not three parts');
  // Otherwise one signature could be spelled in several ways.
  if (Buffer.from(signature, 'base64url').toString('base64url') !== signature)
    throw malformed('signature not base64url');
  const header = parsePart(headerPart);
  const payload = parsePart(payloadPart);
  if (header === undefined || payload === undefined) throw malformed('not a JSON object');
  const { alg, kid, typ } = header;
  if (Object.hasOwn(header, 'crit')) throw malformed('critical header');
  if (typeof alg !== 'string') throw malformed('no algorithm');
  if (!types.has(typeof typ === 'string' ? typ.toLowerCase() : typ)) throw malformed('wrong type');
  if (kid !== undefined && (typeof kid !== 'string' || kid.length > MAX_KEY_ID_LENGTH)) throw malformed('wrong key id');
  return { algorithm: alg, keyId: kid, issuer: payload.iss };
}

/** The payload of a token whose signature is right. Its times are checked by `checkTokenClaims`. Throws `TokenRefusedError`. */
export function verifySignature(token: string, key: KeyObject, algorithm: Algorithm): JsonObject {
  const options = { algorithms: [algorithm], ignoreExpiration: true, ignoreNotBefore: true };
  try {
    const payload = jsonwebtoken.verify(token, key, options);
    if (typeof payload === 'object') return payload;
  } catch (error) {
    throw new TokenRefusedError('not-valid', error instanceof Error ? error.message : 'signature');
  }
  throw new TokenRefusedError('not-valid', 'no claims');
}

/** A token with these claims and a random id; `undefined` is left out. */
export function signToken(claims: object, key: KeyObject | string, algorithm: Algorithm, keyid?: string): string {
  return jsonwebtoken.sign({ ...claims, jti: randomUUID() }, key, { algorithm, ...(keyid && { keyid }) });
}

function parsePart(part: string): JsonObject | undefined {
  return parseJsonObject(Buffer.from(part, 'base64url').toString('utf8'));
}

function malformed(detail: string): TokenRefusedError {
  return new TokenRefusedError('not-valid', detail);
}
