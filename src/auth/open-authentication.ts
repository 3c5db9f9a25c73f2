import type { Logger } from '../telemetry/logger.ts';
import { ApiKeyRing } from './api-key-ring.ts';
import type { AuthSettings } from './auth-settings.ts';
import { Authenticator, type UserSources } from './authenticator.ts';

export interface Authentication {
  readonly ring: ApiKeyRing;
  readonly authenticator: Authenticator;
  /** What it runs by now. */
  readonly settings: AuthSettings;
  /**
   * Uses other settings from the next request on. Throws `ConfigError`, having changed nothing, when an issuer's keys
   * cannot be used.
   */
  update(settings: AuthSettings): Promise<void>;
  /** Ends requests to issuers that are under way. */
  close(): void;
}

/** Makes what the settings ask for and loads nothing else. Throws `ConfigError` when an issuer's keys cannot be used. */
export async function openAuthentication(settings: AuthSettings, logger: Logger): Promise<Authentication> {
  const ring = new ApiKeyRing();
  ring.replaceGiven(settings);
  let sources = await openUserSources(settings, logger);
  let digest = digestOf(settings);
  let current = settings;
  const authenticator = new Authenticator(ring, sources);
  return {
    ring,
    authenticator,
    get settings() {
      return current;
    },
    async update(changed) {
      // What has not changed stays: it knows the keys of issuers and answers of Open WebUI.
      if (digestOf(changed) !== digest) {
        // Requests that the previous ones have under way end by themselves.
        sources = await openUserSources(changed, logger);
        authenticator.use(sources);
        digest = digestOf(changed);
      }
      ring.replaceGiven(changed);
      current = changed;
    },
    close: () => sources.tokens?.close(),
  };
}

function digestOf({ issuers, openWebUi, identity, logIn, scopesByRole, scopesByGroup }: AuthSettings): string {
  const toEntries = (_: string, value: unknown) => (value instanceof Map ? [...value] : value);
  return JSON.stringify([issuers, openWebUi, identity, logIn.length > 0, scopesByRole, scopesByGroup], toEntries);
}

async function openUserSources(settings: AuthSettings, logger: Logger): Promise<UserSources> {
  const { userJwtSecret, secretKey, url, trustUserHeaders } = settings.openWebUi;
  const hasIssuers = settings.issuers.length > 0;
  // People who log in to the pages are known users: calls without a credential are not let through beside them.
  const takesTokens = hasIssuers || settings.logIn.length > 0 || secretKey !== undefined || url !== undefined;
  const hasOpenWebUi = trustUserHeaders || [userJwtSecret, secretKey, url].some((one) => one !== undefined);
  return {
    linking: settings.identity.linkBy === 'none' ? undefined : settings.identity,
    takesTokens,
    // With jsonwebtoken: 12 to 25 ms that a start with API keys alone does not need.
    tokens: hasIssuers ? new (await import('./token-verifier.ts')).TokenVerifier({ ...settings, logger }) : undefined,
    identity: hasOpenWebUi ? new (await import('./open-webui-identity.ts')).OpenWebUiIdentity(settings) : undefined,
  };
}
