import type { Request, Response } from 'express';
import { InvalidArgumentsError } from '../../errors.ts';
import type { SchemaForm } from '../../openapi/document-input.ts';
import type { SerializedDocument } from '../../openapi/serialize-document.ts';

/** Answers with a document from memory, or 304 when the client has it already (RFC 9110, section 13.1.2). */
export function sendDocument(request: Request, response: Response, document: SerializedDocument): void {
  response.setHeader('ETag', document.etag);
  response.setHeader('Cache-Control', 'no-cache');
  response.setHeader('Content-Type', 'application/json; charset=utf-8');
  if (request.fresh) response.status(304).end();
  else response.end(request.method === 'HEAD' ? undefined : document.body);
}

/** Which schemas `?schema=` asks for. Throws `InvalidArgumentsError` for anything but `portable` and `exact`. */
export function requestedSchemas({ query: { schema } }: Request): SchemaForm {
  if (schema === undefined || schema === 'portable') return 'portable';
  if (schema === 'exact') return 'exact';
  const msg = "Input should be 'portable' (inline schemas that every client reads) or 'exact' (the untouched ones)";
  throw new InvalidArgumentsError([{ type: 'literal_error', loc: ['query', 'schema'], msg }]);
}
