import { parseUrl } from '../parse-url.ts';
import { type JsonObject, parseJsonObject, readBody } from './json-body.ts';

const TIMEOUT_MS = 5_000;
const MAX_BYTES = 256 * 1024;
const MAX_REDIRECTS = 3;

/** Why a document of an issuer could not be read; for the admin's log, holds no URL. */
export class IssuerReadError extends Error {
  override readonly name = 'IssuerReadError';
}

/** Whether tokens may rest on what this URL says: TLS, or the machine itself. */
export function isTrustworthyUrl(url: URL): boolean {
  return url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url));
}

function isLoopback({ hostname }: URL): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname);
}

/** Where an issuer's key set is (OpenID Connect Discovery 1.0, section 4). Throws `IssuerReadError`. */
export async function discoverKeySet(issuer: string, signal: AbortSignal): Promise<URL> {
  const url = new URL(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`);
  const document = await fetchIssuerJson(url, signal);
  if (document.issuer !== issuer) throw new IssuerReadError('its discovery document names another issuer');
  const keySet = typeof document.jwks_uri === 'string' ? parseUrl(document.jwks_uri) : undefined;
  // An issuer elsewhere must not make the service ask itself.
  if (keySet === undefined || !isTrustworthyUrl(keySet) || (isLoopback(keySet) && !isLoopback(url))) {
    throw new IssuerReadError('its discovery document names no usable jwks_uri');
  }
  return keySet;
}

/**
 * Reads a JSON object of at most 256 KiB within 5 s; redirects are followed on the same origin only.
 * Throws `IssuerReadError`.
 */
export async function fetchIssuerJson(url: URL, closing: AbortSignal): Promise<JsonObject> {
  const signal = AbortSignal.any([closing, AbortSignal.timeout(TIMEOUT_MS)]);
  try {
    const response = await fetchOnOrigin(url, signal);
    if (response.status !== 200) {
      await response.body?.cancel();
      throw new IssuerReadError(`it answered with HTTP ${response.status}`);
    }
    const text = await readBody(response, MAX_BYTES);
    const object = text === undefined ? undefined : parseJsonObject(text);
    if (object === undefined) throw new IssuerReadError('its answer is not a JSON object of at most 256 KiB');
    return object;
  } catch (error) {
    throw toIssuerReadError(error);
  }
}

/**
 * `fetch` for a library that speaks with an issuer: answers of at most 256 KiB, TLS except on this machine, and nothing on
 * this machine for an issuer elsewhere. Rejects with `IssuerReadError`.
 */
export async function fetchForIssuer(url: URL, issuer: URL, options: RequestInit): Promise<Response> {
  if (!isTrustworthyUrl(url) || (isLoopback(url) && !isLoopback(issuer))) {
    throw new IssuerReadError('it names an endpoint that is neither https nor on its own machine');
  }
  try {
    const response = await fetch(url, { ...options, redirect: 'manual' });
    const text = await readBody(response, MAX_BYTES);
    if (text === undefined) throw new IssuerReadError('its answer is longer than 256 KiB');
    const { status, headers } = response;
    return new Response(text === '' ? null : text, { status, headers });
  } catch (error) {
    throw toIssuerReadError(error);
  }
}

async function fetchOnOrigin(url: URL, signal: AbortSignal): Promise<Response> {
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
