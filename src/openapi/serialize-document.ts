import { createHash } from 'node:crypto';
import type { OpenAPIObject } from 'openapi3-ts/oas31';

/** A document as it goes over the wire. */
export interface SerializedDocument {
  /** UTF-8 JSON. */
  readonly body: Buffer;
  /** A strong validator with its quotes (RFC 9110, section 8.8.3): the same bytes always have the same one. */
  readonly etag: string;
}

/** The bytes of a document, to be made once per catalogue and kept. */
export function serializeDocument(document: OpenAPIObject): SerializedDocument {
  const body = Buffer.from(JSON.stringify(document));
  const digest = createHash('sha256').update(body).digest('base64url');
  return { body, etag: `"${digest.slice(0, 27)}"` };
}
