import type { ServiceOptions } from '../config/arguments.ts';
import type { Environment } from '../config/environment.ts';
import { loadSettings } from '../config/load-settings.ts';
import type { Settings } from '../config/settings.ts';
import { hasStoredApiKeys } from '../db/has-stored-api-keys.ts';
import { NO_CACHE } from '../servers/catalogue-cache.ts';
import type { ServerRegistry } from '../servers/server-registry.ts';
import { createRegistry } from '../service/create-registry.ts';
import { createLogger, type Logger } from '../telemetry/logger.ts';
import { Redactor } from '../telemetry/redactor.ts';

export interface StartedServers {
  readonly settings: Settings;
  readonly registry: ServerRegistry;
  readonly logger: Logger;
  readonly hasAuthentication: boolean;
}

/**
 * Runs `work` on the configured servers, started without the service around them, once each has told its tools or
 * failed to; ends them all afterwards. Only errors are logged, to standard error.
 */
export async function withStartedServers<Result>(
  options: ServiceOptions,
  environment: Environment,
  work: (started: StartedServers) => Promise<Result>,
): Promise<Result> {
  const { settings, secrets } = loadSettings(options, environment, await hasStoredApiKeys(environment));
  const redactor = new Redactor();
  redactor.add(secrets.configured);
  const level = options.logLevel === undefined ? 'error' : settings.logLevel;
  const logger = createLogger({ level, format: settings.logFormat, redactor });
  const registry = createRegistry(settings, logger, redactor, NO_CACHE);
  try {
    registry.start();
    await registry.whenSettled();
    return await work({ settings, registry, logger, hasAuthentication: settings.hasAuthentication });
  } finally {
    await registry.stop();
  }
}
