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

const EXPOSED_HEADERS = [
  'Content-Disposition',
  'Location',
  'X-Request-Id',
  'Retry-After',
  'RateLimit',
  'RateLimit-Policy',
  'ETag',
].join(', ');
const PREFLIGHT_MAX_AGE_SECONDS = '600';

export interface Cors {
  /** The headers of an answer to this request. */
  headers(request: IncomingMessage): HeaderList;
  /** The headers of the answer to a preflight. */
  preflightHeaders(request: IncomingMessage): HeaderList;
}

/** CORS for a list of origins, `*` for all. Credentials such as cookies are never allowed along. */
export function createCors(origins: readonly string[]): Cors {
  const allowsAll = origins.includes('*');
  const allowed = new Set(origins);
  const forAll: HeaderList = [
    ['Access-Control-Allow-Origin', '*'],
    ['Access-Control-Expose-Headers', EXPOSED_HEADERS],
  ];
  const forNone: HeaderList = [['Vary', 'Origin']];
  const headers = (request: IncomingMessage): HeaderList => {
    if (allowsAll) return forAll;
    const { origin } = request.headers;
    if (origin === undefined || !allowed.has(origin)) return forNone;
    return [
      ['Access-Control-Allow-Origin', origin],
      ['Access-Control-Expose-Headers', EXPOSED_HEADERS],
      ['Vary', 'Origin'],
    ];
  };
  return {
    headers,
    preflightHeaders: (request) => {
      const base = headers(request);
      if (base === forNone) return base;
      return [
        ...base,
        ['Access-Control-Allow-Methods', 'GET, HEAD, POST, PUT, DELETE, OPTIONS'],
        ['Access-Control-Allow-Headers', ALLOWED_HEADERS],
        ['Access-Control-Max-Age', PREFLIGHT_MAX_AGE_SECONDS],
      ];
    },
  };
}
