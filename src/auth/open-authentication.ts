import type { Logger } from '../telemetry/logger.ts';
import { type ApiKeyRing, createApiKeyRing } from './api-key-ring.ts';
import type { AuthSettings } from './auth-settings.ts';
import { type Authenticator, createAuthenticator } from './authenticator.ts';

export interface Authentication {
  readonly ring: ApiKeyRing;
  readonly authenticator: Authenticator;
  /** Ends requests to issuers that are under way. */
  close(): void;
}

/** Makes what the settings ask for and loads nothing else. Throws `ConfigError` when an issuer's keys cannot be used. */
export async function openAuthentication(settings: AuthSettings, logger: Logger): Promise<Authentication> {
  const ring = createApiKeyRing(settings);
  const tokens =
    settings.issuers.length === 0
      ? undefined
      : (await import('./token-verifier.ts')).createTokenVerifier({ ...settings, logger });
  const { userJwtSecret, secretKey, url, trustUserHeaders } = settings.openWebUi;
  const believesOpenWebUi = trustUserHeaders || [userJwtSecret, secretKey, url].some((one) => one !== undefined);
  const identity = believesOpenWebUi
    ? (await import('./open-webui-identity.ts')).createOpenWebUiIdentity(settings)
    : undefined;
  return {
    ring,
    authenticator: createAuthenticator({ settings, ring, tokens, identity }),
    close: () => tokens?.close(),
  };
}
