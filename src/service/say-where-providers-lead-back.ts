import type { LogInProvider } from '../auth/auth-settings.ts';
import type { Settings } from '../config/settings.ts';
import { BACK_CHANNEL_PATH, CALLBACK_PATH } from '../http/paths.ts';
import type { Logger } from '../telemetry/logger.ts';

/** Logs what the admin registers at the OpenID providers of `auth.login`: both URLs are absolute and compared exactly. */
export function sayWhereProvidersLeadBack(
  providers: readonly LogInProvider[],
  { publicUrl, pathPrefix }: Pick<Settings, 'publicUrl' | 'pathPrefix'>,
  logger: Logger,
): void {
  if (providers.length === 0) return;
  const base = (publicUrl ?? '<the URL under which people open the service>') + pathPrefix;
  const facts = {
    redirectUri: base + CALLBACK_PATH,
    backChannelLogoutUri: base + BACK_CHANNEL_PATH,
    providers: providers.map(({ issuer }) => issuer),
  };
  if (publicUrl === undefined) {
    logger.warn('set MCPO_PUBLIC_URL: log-in providers lead back to the host of each request until then', facts);
  } else logger.info('register these URLs at the log-in providers', facts);
}
