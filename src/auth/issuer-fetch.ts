import { parseUrl } from '../parse-url.ts';
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
export async function fetchIssuerJson(request: IssuerRequest): Promise<Readonly<Record<string, unknown>>> {
  const signal = AbortSignal.any([request.signal, AbortSignal.timeout(TIMEOUT_MS)]);
  try {
    const response = await followRedirects(request, signal);
    if (response.status !== 200) {
      await response.body?.cancel();
      throw new IssuerReadError(`it answered with HTTP ${response.status}`);
    }
    const value: unknown = JSON.parse(await readText(response));
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
    throw new IssuerReadError('its answer is no JSON object');
  } catch (error) {
    throw toIssuerReadError(error);
  }
}

/** `undefined` for what is no URL. */
export function toUrl(text: string, base?: URL): URL | undefined {
  return parseUrl(text, base?.href);
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
    const next: URL | undefined = toUrl(location, target);
    if (next?.origin !== url.origin) throw new IssuerReadError('it redirects to another origin');
    target = next;
  }
  throw new IssuerReadError('it redirects too often');
}

async function readText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > MAX_BYTES) throw new IssuerReadError('its answer is too large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** Node's own messages hold URLs and addresses; only what kind of failure it was is kept. */
function toIssuerReadError(error: unknown): IssuerReadError {
  if (error instanceof IssuerReadError) return error;
  if (error instanceof SyntaxError) return new IssuerReadError('its answer is no JSON');
  const { name, cause } = error instanceof Error ? error : new Error('unknown');
  if (name === 'TimeoutError') return new IssuerReadError('it did not answer in time');
  const code = cause instanceof Error ? (cause as NodeJS.ErrnoException).code : undefined;
  return new IssuerReadError(code === undefined ? 'the connection failed' : `the connection failed (${code})`);
}
