import { NotFoundError } from '../../errors.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { AuthSettings, LogInProvider } from '../auth-settings.ts';
import { readClaim, toUserPrincipal } from '../claims.ts';
import type { UserPrincipal } from '../principal.ts';
import { parseToken } from '../token.ts';
import { TokenRefusedError } from '../token-refused-error.ts';
import type { AttemptSecrets } from './log-in-attempts.ts';
import { type LogoutNotice, readLogoutNotice } from './logout-token.ts';
import { ProviderClient } from './provider-client.ts';
import { TOKEN_TYPES, verifyProviderToken } from './provider-token.ts';

/** A user whom a provider has logged in. */
export interface ProviderUser {
  /** The same that the provider's tokens name in calls. */
  readonly principal: UserPrincipal;
  /** The session at the provider, with the exact `iss` and `sub` of the ID token. */
  readonly session: { readonly issuer: string; readonly subject: string; readonly sid: string | undefined };
}

/** What a logout token ends, and at which provider. */
export interface ProviderLogout extends LogoutNotice {
  readonly issuer: string;
}

type Settings = Pick<AuthSettings, 'logIn' | 'scopesByRole' | 'scopesByGroup'>;

/** Logs users in at the OpenID providers of the settings, which may change. */
export class ProviderLogIn {
  readonly #settings: () => Settings;
  readonly #logger: Logger;
  /** By the settings that each was made with. */
  readonly #clients = new Map<string, ProviderClient>();

  constructor(settings: () => Settings, logger: Logger) {
    this.#settings = settings;
    this.#logger = logger;
  }

  /** The providers in the admin's order. */
  get providers(): readonly LogInProvider[] {
    return this.#settings().logIn;
  }

  /** The provider of a key; the first one without a key. Throws `NotFoundError`. */
  find(key: string | undefined): LogInProvider {
    const { providers } = this;
    const found = key === undefined ? providers[0] : providers.find((one) => one.key === key);
    if (found === undefined) throw new NotFoundError('There is no such way to log in.');
    return found;
  }

  /** Where the browser logs in. Rejects with `ServerUnavailableError` while the provider cannot be read. */
  authorizationUrl(provider: LogInProvider, redirectUri: string, secrets: AttemptSecrets): Promise<URL> {
    return this.#clientOf(provider).authorizationUrl(redirectUri, secrets);
  }

  /**
   * The user whom the provider's answer is about. Rejects with `UnauthenticatedError` for an answer that is refused, and
   * with `ServerUnavailableError` if the provider cannot be asked.
   */
  async redeem(provider: LogInProvider, callback: URL, secrets: AttemptSecrets): Promise<ProviderUser> {
    const { claims, scope, session } = await this.#clientOf(provider).redeem(callback, secrets);
    const hasScope = readClaim(claims, provider.claims.scope) !== undefined;
    const all = hasScope || scope === undefined ? claims : { ...claims, [provider.claims.scope]: scope };
    const rules = { ...this.#settings(), claims: provider.claims, scopes: provider.granted };
    return { principal: toUserPrincipal(all, rules), session: { issuer: provider.issuer, ...session } };
  }

  /**
   * Checks a logout token (OpenID Connect Back-Channel Logout 1.0). Whether it was used before is for the caller to find
   * out. Rejects with `TokenRefusedError`, and with `ServerUnavailableError` if the keys of the provider cannot be read.
   */
  async readLogout(token: string): Promise<ProviderLogout> {
    const { issuer } = parseToken(token, TOKEN_TYPES.logout);
    const candidates = this.providers.filter((one) => one.issuer === issuer);
    const [first] = candidates;
    if (first === undefined) throw new TokenRefusedError('wrong-issuer', 'no log-in provider');
    const claims = await verifyProviderToken(token, 'logout', this.#clientOf(first).keys);
    const clientIds = candidates.map(({ clientId }) => clientId);
    return { issuer: first.issuer, ...readLogoutNotice(claims, clientIds, Date.now() / 1_000) };
  }

  /** Ends requests to providers that are under way. */
  close(): void {
    for (const client of this.#clients.values()) client.close();
    this.#clients.clear();
  }

  #clientOf(provider: LogInProvider): ProviderClient {
    const name = JSON.stringify(provider);
    const found = this.#clients.get(name);
    if (found !== undefined) return found;
    const current = new Set(this.providers.map((one) => JSON.stringify(one)));
    for (const [old, client] of this.#clients) {
      if (current.has(old)) continue;
      client.close();
      this.#clients.delete(old);
    }
    const client = new ProviderClient(provider, this.#logger);
    this.#clients.set(name, client);
    return client;
  }
}
