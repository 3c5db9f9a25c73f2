import type { RequestHandler } from 'express';

const MAX_AGE_SECONDS = 300;

/** `GET /.well-known/jwks.json`: the keys that servers check the service's tokens about users with; public. */
export function keySetHandler(keySet: () => Promise<object>): RequestHandler {
  return async (_request, response) => {
    response.setHeader('Cache-Control', `public, max-age=${MAX_AGE_SECONDS}`);
    response.json(await keySet());
  };
}
