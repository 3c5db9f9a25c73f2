import type { RequestHandler } from 'express';

/** Where OpenID providers have theirs too; `iss` of a user's token leads there. */
export const KEY_SET_PATH = '/.well-known/jwks.json';

const MAX_AGE_SECONDS = 300;

/** `GET /.well-known/jwks.json`: the keys that servers check the service's tokens about users with; public. */
export function keySetHandler(keySet: () => Promise<object>): RequestHandler {
  return async (_request, response) => {
    response.setHeader('Cache-Control', `public, max-age=${MAX_AGE_SECONDS}`);
    response.json(await keySet());
  };
}
