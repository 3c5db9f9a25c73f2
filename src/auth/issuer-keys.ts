import type { IssuerSettings } from './auth-settings.ts';
import {
  fetchIssuerJson,
  type IssuerFetch,
  IssuerReadError,
  isLoopback,
  isTrustworthyUrl,
  toUrl,
} from './issuer-fetch.ts';
import { type TokenKey, toPublicKey } from './token-key.ts';

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
  const keySet = typeof document.jwks_uri === 'string' ? toUrl(document.jwks_uri) : undefined;
  // An issuer elsewhere must not make the service ask itself.
  if (keySet === undefined || !isTrustworthyUrl(keySet) || (isLoopback(keySet) && !isLoopback(url))) {
    throw new IssuerReadError('its discovery document names no usable jwks_uri');
  }
  return keySet;
}

async function readKeySet(url: URL, fetch: IssuerFetch, signal: AbortSignal): Promise<readonly TokenKey[]> {
  const { keys } = await fetchIssuerJson({ url, fetch, signal });
  if (!Array.isArray(keys) || keys.length > MAX_KEYS) throw new IssuerReadError('its answer is no key set');
  const entries = keys.filter((key) => typeof key === 'object' && key !== null);
  return (await toSigningKeys(entries)).flatMap(({ kid, alg, publicKey }) => {
    const key = toPublicKey(publicKey, kid, alg);
    return key.algorithms.size === 0 ? [] : [key];
  });
}

interface SigningKey {
  readonly kid?: string;
  readonly alg?: string;
  readonly publicKey: string;
}

/**
 * `jwks-rsa` turns the set into public keys and leaves out private, symmetric and encryption keys. Its own cache and
 * rate limit are off: they ask the issuer once for each key id, so `KeySet` holds the whole set instead.
 */
async function toSigningKeys(keys: readonly object[]): Promise<readonly SigningKey[]> {
  const { default: jwksRsa } = await import('jwks-rsa');
  const client = jwksRsa({ jwksUri: '', cache: false, rateLimit: false, fetcher: async () => ({ keys }) });
  try {
    return (await client.getSigningKeys()) as unknown as readonly SigningKey[];
  } catch (error) {
    // That there is no usable key is an answer too: then no token of this issuer is valid.
    if (error instanceof jwksRsa.JwksError) return [];
    throw error;
  }
}
