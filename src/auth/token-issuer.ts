import { ConfigError, type ConfigProblem } from '../errors.ts';
import { parseUrl } from '../parse-url.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { IssuerSettings } from './auth-settings.ts';
import { OWN_ISSUER } from './claims.ts';
import { isTrustworthyUrl } from './issuer-documents.ts';
import { KeySet } from './key-set.ts';
import { type TokenKey, toPublicKey, toSecretKey } from './token-key.ts';

/** One issuer whose tokens are taken, with its keys. */
export interface TokenIssuer {
  readonly settings: IssuerSettings;
  readonly keys: Pick<KeySet, 'find' | 'close'>;
  /** Verifies what `keys` does not: tokens that were signed before a rotation. */
  readonly previous?: TokenKey | undefined;
}

/**
 * Opens the keys of all issuers, by `iss`; nothing is asked over the network yet. Throws `ConfigError` with all
 * problems: an issuer named twice, a key that none of its algorithms can use, a key set without TLS.
 */
export function openTokenIssuers(
  issuers: readonly IssuerSettings[],
  logger: Logger,
): ReadonlyMap<unknown, TokenIssuer> {
  const opened = new Map<string, TokenIssuer>();
  const problems: ConfigProblem[] = [];
  for (const settings of issuers) {
    const name = settings.issuer ?? OWN_ISSUER;
    const keys = opened.has(name) ? 'this issuer is named twice' : openKeys(settings, logger);
    const { keySource } = settings;
    const former = keySource.kind === 'secret' ? keySource.previousSecret : undefined;
    const previous = former === undefined ? undefined : toSecretKey(former);
    if (typeof keys !== 'string') opened.set(name, { settings, keys, previous });
    else problems.push({ key: toKey(settings), message: keys });
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return opened;
}

/** Returns what is wrong if the keys cannot be used. */
function openKeys(settings: IssuerSettings, logger: Logger): TokenIssuer['keys'] | string {
  const { keySource, algorithms } = settings;
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
      return urlProblem(keySource.uri, 'the key set', settings) ?? new KeySet(settings, logger);
    case 'discovery':
      return urlProblem(settings.issuer, 'the issuer', settings) ?? new KeySet(settings, logger);
  }
}

function urlProblem(text = '', what: string, { algorithms }: IssuerSettings): string | undefined {
  const url = parseUrl(text);
  if (url === undefined) return `${what} is not a URL, at which its keys could be read`;
  if (!isTrustworthyUrl(url)) return `${what} must be https`;
  if (url.username !== '' || url.password !== '') return 'the URL must not hold a user or password';
  const symmetric = algorithms.find((algorithm) => !/^(RS|PS|ES)/.test(algorithm));
  return symmetric === undefined ? undefined : `a key set cannot be used with the algorithm ${symmetric}`;
}

function toLocalKeys(key: TokenKey, { algorithms }: IssuerSettings): TokenIssuer['keys'] | string {
  const unusable = algorithms.find((algorithm) => !key.algorithms.has(algorithm));
  if (unusable !== undefined) return `the key cannot be used with the algorithm ${unusable}`;
  return { find: () => Promise.resolve(key), close: () => undefined };
}

function toKey({ issuer }: IssuerSettings): string {
  return issuer === undefined ? 'JWT_SECRET' : `auth.issuers (${issuer})`;
}
