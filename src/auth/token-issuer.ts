import { ConfigError, type ConfigProblem } from '../errors.ts';
import { parseUrl } from '../parse-url.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { IssuerSettings } from './auth-settings.ts';
import { OWN_ISSUER } from './claims.ts';
import { type IssuerFetch, isTrustworthyUrl } from './issuer-fetch.ts';
import { createIssuerKeyReader } from './issuer-keys.ts';
import { KeySet, type KeySetTimings } from './key-set.ts';
import { type TokenKey, toPublicKey, toSecretKey } from './token-key.ts';

/** One issuer whose tokens are taken, with its keys. */
export interface TokenIssuer {
  readonly settings: IssuerSettings;
  readonly algorithms: ReadonlySet<string>;
  readonly keys: { readonly kind: 'local'; readonly key: TokenKey } | { readonly kind: 'set'; readonly set: KeySet };
}

export interface TokenIssuerOptions {
  readonly logger: Logger;
  readonly fetch: IssuerFetch;
  readonly timings: KeySetTimings;
  readonly now: () => number;
}

/**
 * Opens the keys of all issuers, by `iss`; nothing is asked over the network yet. Throws `ConfigError` with all
 * problems: an issuer named twice, a key that none of its algorithms can use, a key set without TLS.
 */
export function openTokenIssuers(
  issuers: readonly IssuerSettings[],
  options: TokenIssuerOptions,
): ReadonlyMap<string, TokenIssuer> {
  const opened = new Map<string, TokenIssuer>();
  const problems: ConfigProblem[] = [];
  for (const settings of issuers) {
    const name = settings.issuer ?? OWN_ISSUER;
    const keys = opened.has(name) ? 'this issuer is named twice' : openKeys(settings, options);
    if (typeof keys !== 'string') opened.set(name, { settings, algorithms: new Set(settings.algorithms), keys });
    else problems.push({ key: toKey(settings), message: keys });
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return opened;
}

/** Returns what is wrong if the keys cannot be used. */
function openKeys(settings: IssuerSettings, options: TokenIssuerOptions): TokenIssuer['keys'] | string {
  const { keySource, algorithms, issuer } = settings;
  if (algorithms.length === 0) return 'no algorithm is given';
  switch (keySource.kind) {
    case 'secret':
      return keySource.secret === '' ? 'the secret is empty' : toLocalKeys(toSecretKey(keySource.secret), settings);
    case 'public-key':
      try {
        return toLocalKeys(toPublicKey(keySource.pem), settings);
      } catch {
        return 'the public key is not a key or certificate in PEM';
      }
    case 'key-set':
    case 'discovery': {
      const isDiscovered = keySource.kind === 'discovery';
      const url = parseUrl(isDiscovered ? (issuer ?? '') : keySource.uri);
      if (url === undefined)
        return isDiscovered ? 'discovery needs an issuer that is a URL' : 'the key set is not a URL';
      if (!isTrustworthyUrl(url)) return `${isDiscovered ? 'the issuer' : 'the key set'} must be https`;
      if (url.username !== '' || url.password !== '') return 'the URL must not hold a user or password';
      const symmetric = algorithms.find((algorithm) => !/^(RS|PS|ES)/.test(algorithm));
      if (symmetric !== undefined) return `a key set cannot be used with the algorithm ${symmetric}`;
      const read = createIssuerKeyReader(settings, options.fetch);
      return { kind: 'set', set: new KeySet({ ...options, issuer: issuer ?? url.origin, read }) };
    }
  }
}

function toLocalKeys(key: TokenKey, { algorithms }: IssuerSettings): TokenIssuer['keys'] | string {
  const unusable = algorithms.find((algorithm) => !key.algorithms.has(algorithm));
  return unusable === undefined ? { kind: 'local', key } : `the key cannot be used with the algorithm ${unusable}`;
}

function toKey({ issuer }: IssuerSettings): string {
  return issuer === undefined ? 'JWT_SECRET' : `auth.issuers (${issuer})`;
}
