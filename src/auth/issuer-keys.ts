import { parseUrl } from '../parse-url.ts';
import type { IssuerSettings } from './auth-settings.ts';
import { fetchIssuerJson, type IssuerFetch, IssuerReadError, isLoopback, isTrustworthyUrl } from './issuer-fetch.ts';
import { readPublishedKey, type TokenKey } from './token-key.ts';

/** An issuer with more keys than this is not believed. */
const MAX_KEYS = 100;

/** Reads all keys that an issuer publishes now. Throws `IssuerReadError`. */
export type ReadIssuerKeys = (signal: AbortSignal) => Promise<readonly TokenKey[]>;

/** Makes the reader of an issuer's key set, which is at a given URL or where OpenID Connect Discovery 1.0 says. */
export function createIssuerKeyReader(
  { issuer, keySource }: Pick<IssuerSettings, 'issuer' | 'keySource'>,
  fetch: IssuerFetch,
): ReadIssuerKeys {
  if (keySource.kind === 'key-set') {
    const url = new URL(keySource.uri);
    return (signal) => readKeySet(url, fetch, signal);
  }
  let known: URL | undefined;
  return async (signal) => {
    known ??= await discoverKeySet(issuer ?? '', fetch, signal);
    try {
      return await readKeySet(known, fetch, signal);
    } catch (error) {
      // It may have moved.
      known = undefined;
      throw error;
    }
  };
}

/** OpenID Connect Discovery 1.0, section 4. */
async function discoverKeySet(issuer: string, fetch: IssuerFetch, signal: AbortSignal): Promise<URL> {
  const url = new URL(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`);
  const document = await fetchIssuerJson({ url, fetch, signal });
  if (document.issuer !== issuer) throw new IssuerReadError('its discovery document names another issuer');
  const keySet = typeof document.jwks_uri === 'string' ? parseUrl(document.jwks_uri) : undefined;
  // An issuer elsewhere must not make the service ask itself.
  if (keySet === undefined || !isTrustworthyUrl(keySet) || (isLoopback(keySet) && !isLoopback(url))) {
    throw new IssuerReadError('its discovery document names no usable jwks_uri');
  }
  return keySet;
}

async function readKeySet(url: URL, fetch: IssuerFetch, signal: AbortSignal): Promise<readonly TokenKey[]> {
  const { keys } = await fetchIssuerJson({ url, fetch, signal });
  if (!Array.isArray(keys) || keys.length > MAX_KEYS) throw new IssuerReadError('its answer is not a key set');
  return keys.map(readPublishedKey).filter((key) => key !== undefined);
}
