import type { Configuration, CustomFetch, IDToken, UserInfoResponse } from 'openid-client';
import { ServerUnavailableError, UnauthenticatedError } from '../../errors.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { LogInProvider } from '../auth-settings.ts';
import { CLOCK_SKEW_SECONDS } from '../claims.ts';
import { fetchForIssuer, IssuerReadError } from '../issuer-documents.ts';
import type { JsonObject } from '../json-body.ts';
import { KeySet } from '../key-set.ts';
import type { AttemptSecrets } from './log-in-attempts.ts';
import { verifyProviderToken } from './provider-token.ts';

/** What a provider says of itself is read again after so long. */
const FRESH_MS = 3_600_000;
/** After a failure the provider is left alone for so long. */
const FAILURE_PAUSE_MS = 2_000;
const RETRY_AFTER_SECONDS = 5;
const TIMEOUT_SECONDS = 5;

type OpenIdClient = typeof import('openid-client');

/** What a provider said about the user who logged in. */
export interface ProviderAnswer {
  /** Of the ID token, and beside them those that only the userinfo endpoint gave. */
  readonly claims: JsonObject;
  /** The scopes that it granted, separated by spaces; `undefined` if it did not say. */
  readonly scope: string | undefined;
  /** The session at the provider. */
  readonly session: { readonly subject: string; readonly sid: string | undefined };
}

/** One OpenID provider, asked for the first time when somebody chooses it. */
export class ProviderClient {
  readonly provider: LogInProvider;
  readonly keys: KeySet;
  readonly #logger: Logger;
  #configuration: Configuration | undefined;
  #readAt = Number.NEGATIVE_INFINITY;
  #failedAt = Number.NEGATIVE_INFINITY;
  #reading: Promise<Configuration> | undefined;

  constructor(provider: LogInProvider, logger: Logger) {
    this.provider = provider;
    this.keys = new KeySet({ issuer: provider.issuer, keySource: { kind: 'discovery' } }, logger);
    this.#logger = logger;
  }

  /** Where the browser goes. Rejects with `ServerUnavailableError` while the provider cannot be read. */
  async authorizationUrl(redirectUri: string, secrets: AttemptSecrets): Promise<URL> {
    const client = await loadClient();
    const configuration = await this.#read(client);
    return client.buildAuthorizationUrl(configuration, {
      redirect_uri: redirectUri,
      scope: this.provider.scopes.join(' '),
      state: secrets.state,
      nonce: secrets.nonce,
      code_challenge: await client.calculatePKCECodeChallenge(secrets.codeVerifier),
      code_challenge_method: 'S256',
    });
  }

  /**
   * Redeems the code in the URL that the provider sent the browser to. Rejects with `UnauthenticatedError` where the
   * provider refused, or its answer is not one to this attempt; `ServerUnavailableError` if it cannot be asked.
   */
  async redeem(callback: URL, { state, nonce, codeVerifier }: AttemptSecrets): Promise<ProviderAnswer> {
    const client = await loadClient();
    const configuration = await this.#read(client);
    try {
      const tokens = await client.authorizationCodeGrant(configuration, callback, {
        expectedState: state,
        expectedNonce: nonce,
        pkceCodeVerifier: codeVerifier,
        idTokenExpected: true,
      });
      const idToken = tokens.claims();
      if (idToken === undefined || tokens.id_token === undefined) throw this.#refused('no_id_token');
      await verifyProviderToken(tokens.id_token, 'id', this.keys);
      const more = await this.#userInfo(client, configuration, tokens.access_token, idToken);
      return {
        claims: { ...more, ...idToken },
        scope: tokens.scope,
        session: { subject: idToken.sub, sid: typeof idToken.sid === 'string' ? idToken.sid : undefined },
      };
    } catch (error) {
      throw this.#toPublicError(client, error);
    }
  }

  close(): void {
    this.keys.close();
  }

  /** Groups and names are often given here only. Without an answer the user has what the ID token says. */
  async #userInfo(
    client: OpenIdClient,
    configuration: Configuration,
    accessToken: string,
    { sub }: IDToken,
  ): Promise<UserInfoResponse | undefined> {
    if (configuration.serverMetadata().userinfo_endpoint === undefined) return undefined;
    try {
      return await client.fetchUserInfo(configuration, accessToken, sub);
    } catch (error) {
      this.#warn('the userinfo of a log-in provider cannot be read; only its ID token counts', reasonOf(error));
      return undefined;
    }
  }

  async #read(client: OpenIdClient): Promise<Configuration> {
    const now = Date.now();
    if (this.#configuration !== undefined && now - this.#readAt < FRESH_MS) return this.#configuration;
    const isPause = now >= this.#failedAt && now - this.#failedAt < FAILURE_PAUSE_MS;
    if (isPause && this.#reading === undefined) return this.#stale();
    this.#reading ??= this.#discover(client).finally(() => {
      this.#reading = undefined;
    });
    try {
      return await this.#reading;
    } catch (error) {
      this.#failedAt = Date.now();
      this.#warn('a log-in provider cannot be read', reasonOf(error));
      return this.#stale();
    }
  }

  /** What was read before serves while the provider is away. */
  #stale(): Configuration {
    if (this.#configuration === undefined) throw this.#unavailable();
    return this.#configuration;
  }

  async #discover(client: OpenIdClient): Promise<Configuration> {
    const { issuer, clientId, clientSecret } = this.provider;
    const fetchLimited: CustomFetch = (url, { body = null, headers, method, signal = null }) =>
      fetchForIssuer(new URL(url), new URL(issuer), { body, headers, method, signal });
    const found = await client.discovery(new URL(issuer), clientId, undefined, client.None(), {
      // Only a provider on this machine: `fetchForIssuer` refuses plain HTTP elsewhere.
      execute: [client.allowInsecureRequests],
      [client.customFetch]: fetchLimited,
      timeout: TIMEOUT_SECONDS,
    });
    const metadata = found.serverMetadata();
    if (metadata.issuer !== issuer) {
      throw new IssuerReadError(`its discovery document names another issuer, ${metadata.issuer}`);
    }
    const { token_endpoint_auth_methods_supported: methods = ['client_secret_basic'] } = metadata;
    const authenticate = methods.includes('client_secret_basic') ? client.ClientSecretBasic : client.ClientSecretPost;
    const configuration = new client.Configuration(
      metadata,
      clientId,
      { [client.clockTolerance]: CLOCK_SKEW_SECONDS },
      clientSecret === undefined ? client.None() : authenticate(clientSecret),
    );
    client.allowInsecureRequests(configuration);
    configuration[client.customFetch] = fetchLimited;
    configuration.timeout = TIMEOUT_SECONDS;
    this.#configuration = configuration;
    this.#readAt = Date.now();
    return configuration;
  }

  #toPublicError(client: OpenIdClient, error: unknown): Error {
    if (error instanceof ServerUnavailableError || error instanceof UnauthenticatedError) {
      if (error instanceof UnauthenticatedError) this.#warn('a log-in failed', reasonOf(error));
      return error instanceof ServerUnavailableError ? error : this.#refused('answer_not_valid');
    }
    this.#warn('a log-in failed', reasonOf(error));
    if (error instanceof client.AuthorizationResponseError) return this.#refused(error.error);
    if (error instanceof client.ResponseBodyError) return this.#refused(error.error);
    const { code } = error as { readonly code?: unknown };
    const isOfProtocol = typeof code === 'string' && code.startsWith('OAUTH_') && code !== 'OAUTH_TIMEOUT';
    return isOfProtocol ? this.#refused('answer_not_valid') : this.#unavailable();
  }

  #refused(code: string): UnauthenticatedError {
    const { title } = this.provider;
    const sentence = REFUSALS.get(code)?.(title) ?? `${title} did not log you in (${toWord(code)}). Try again.`;
    return new UnauthenticatedError(sentence, 'Bearer');
  }

  #unavailable(): ServerUnavailableError {
    return new ServerUnavailableError(
      `${this.provider.title} cannot be reached at the moment, so it cannot log you in. Try again in a moment.`,
      RETRY_AFTER_SECONDS,
    );
  }

  #warn(message: string, reason: string): void {
    this.#logger.warn(message, { issuer: this.provider.issuer, reason });
  }
}

const REFUSALS = new Map<string, (title: string) => string>([
  ['access_denied', (title) => `${title} did not log you in, because you or its admin did not allow it.`],
  ['login_required', (title) => `${title} wants you to log in there first. Try again.`],
  ['invalid_grant', () => 'This log-in has expired or was used already. Try again.'],
  [
    'invalid_client',
    (title) => `${title} does not accept this service as its client. The admin has to check "auth.login".`,
  ],
  ['answer_not_valid', (title) => `The answer of ${title} could not be verified, so you are not logged in. Try again.`],
  ['no_id_token', (title) => `${title} did not say who you are. The admin has to check the scopes in "auth.login".`],
]);

/** A code of the provider as far as it is one: it stands on our page. */
function toWord(code: string): string {
  return /^[\w.-]{1,64}$/.test(code) ? code : 'unknown reason';
}

/** For the log: never what the provider sent, which may hold codes and tokens. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  const { code, error: named, detail } = error as { code?: unknown; error?: unknown; detail?: unknown };
  const cause = error.cause instanceof IssuerReadError ? error.cause : error;
  if (cause instanceof IssuerReadError) return cause.message;
  const words = [named, detail, code, error.name].filter((one) => typeof one === 'string');
  return words.map((word) => word.slice(0, 100)).join(', ');
}

/** Loaded with the first log-in at a provider: 65 ms and 9 MB. */
function loadClient(): Promise<OpenIdClient> {
  return import('openid-client');
}
