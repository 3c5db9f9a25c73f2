import type { IncomingMessage } from 'node:http';
import type { HeaderList } from './security-headers.ts';

/** By name and not `*`, which browsers do not take to cover `Authorization` (Fetch, section 3.3.2). */
const ALLOWED_HEADERS = [
  'accept',
  'authorization',
  'content-type',
  'x-request-id',
  'x-session-id',
  'x-openwebui-user-id',
  'x-openwebui-user-name',
  'x-openwebui-user-email',
  'x-openwebui-user-role',
  'x-openwebui-user-jwt',
  'x-openwebui-chat-id',
  'x-openwebui-message-id',
].join(', ');

const EXPOSED = [
  'Access-Control-Expose-Headers',
  'Content-Disposition, Location, X-Request-Id, Retry-After, RateLimit, RateLimit-Policy, ETag',
] as const;
const FOR_ALL: HeaderList = [['Access-Control-Allow-Origin', '*'], EXPOSED];
/** Also with an allowed origin: the answer is another for another origin. */
const FOR_NONE: HeaderList = [['Vary', 'Origin']];
const PREFLIGHT: HeaderList = [
  ['Access-Control-Allow-Methods', 'GET, HEAD, POST, PUT, DELETE, OPTIONS'],
  ['Access-Control-Allow-Headers', ALLOWED_HEADERS],
  ['Access-Control-Max-Age', '600'],
];

/**
 * The CORS headers of an answer, for a list of origins, `*` for all. Credentials such as cookies are never allowed along.
 */
export function createCors(origins: readonly string[]): (request: IncomingMessage) => HeaderList {
  const allowsAll = origins.includes('*');
  const allowed = new Set(origins);
  return ({ method, headers: { origin } }) => {
    let headers: HeaderList;
    if (allowsAll) headers = FOR_ALL;
    else if (origin === undefined || !allowed.has(origin)) return FOR_NONE;
    else headers = [['Access-Control-Allow-Origin', origin], EXPOSED, ...FOR_NONE];
    return method === 'OPTIONS' ? [...headers, ...PREFLIGHT] : headers;
  };
}
