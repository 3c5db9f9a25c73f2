import { parseUrl } from '../parse-url.ts';
import { type JsonObject, parseJsonObject, readBody } from './json-body.ts';

/** The part of `fetch` that is used, so that a test can stand in between. */
export type IssuerFetch = (url: URL, init: RequestInit) => Promise<Response>;

const TIMEOUT_MS = 5_000;
const MAX_BYTES = 256 * 1024;
const MAX_REDIRECTS = 3;

/** Why a document of an issuer could not be read; for the admin's log, holds no URL. */
export class IssuerReadError extends Error {
  override readonly name = 'IssuerReadError';
}

export interface IssuerRequest {
  readonly url: URL;
  readonly fetch: IssuerFetch;
  readonly signal: AbortSignal;
}

/**
 * Reads a JSON object of at most 256 KiB within 5 s; redirects are followed on the same origin only.
 * Throws `IssuerReadError`.
 */
export async function fetchIssuerJson(request: IssuerRequest): Promise<JsonObject> {
  const signal = AbortSignal.any([request.signal, AbortSignal.timeout(TIMEOUT_MS)]);
  try {
    const response = await followRedirects(request, signal);
    if (response.status !== 200) {
      await response.body?.cancel();
      throw new IssuerReadError(`it answered with HTTP ${response.status}`);
    }
    const text = await readBody(response, MAX_BYTES);
    if (text === undefined) throw new IssuerReadError('its answer is too large');
    const object = parseJsonObject(text);
    if (object === undefined) throw new IssuerReadError('its answer is not a JSON object');
    return object;
  } catch (error) {
    throw toIssuerReadError(error);
  }
}

/** Whether tokens may rest on what this URL says: TLS, or the machine itself. */
export function isTrustworthyUrl(url: URL): boolean {
  return url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url));
}

export function isLoopback({ hostname }: URL): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname);
}

async function followRedirects({ url, fetch }: IssuerRequest, signal: AbortSignal): Promise<Response> {
  let target = url;
  for (let followed = 0; followed <= MAX_REDIRECTS; followed += 1) {
    const response = await fetch(target, { redirect: 'manual', signal, headers: { accept: 'application/json' } });
    const location = response.headers.get('location');
    if (response.status < 300 || response.status >= 400 || location === null) return response;
    await response.body?.cancel();
    const next: URL | undefined = parseUrl(location, target.href);
    if (next?.origin !== url.origin) throw new IssuerReadError('it redirects to another origin');
    target = next;
  }
  throw new IssuerReadError('it redirects too often');
}

/** Node's own messages hold URLs and addresses; only the kind of failure is reported. */
function toIssuerReadError(error: unknown): IssuerReadError {
  if (error instanceof IssuerReadError) return error;
  const { name, cause } = error instanceof Error ? error : new Error('unknown');
  if (name === 'TimeoutError') return new IssuerReadError('it did not answer in time');
  const code = cause instanceof Error ? (cause as NodeJS.ErrnoException).code : undefined;
  return new IssuerReadError(code === undefined ? 'the connection failed' : `the connection failed (${code})`);
}
