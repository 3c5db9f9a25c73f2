import type { Request, Response } from 'express';
import type { SerializedDocument } from '../../openapi/serialize-document.ts';

/** Answers with a document from memory, or 304 when the client has it already (RFC 9110, section 13.1.2). */
export function sendDocument(request: Request, response: Response, document: SerializedDocument): void {
  response.setHeader('ETag', document.etag);
  response.setHeader('Cache-Control', 'no-cache');
  response.setHeader('Content-Type', 'application/json; charset=utf-8');
  if (request.fresh) response.status(304).end();
  else response.end(request.method === 'HEAD' ? undefined : document.body);
}
