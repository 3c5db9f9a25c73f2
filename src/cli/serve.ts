import { loadSettings } from '../config/load-settings.ts';
import type { ServiceOptions } from '../config/service-options.ts';
import { hasStoredApiKeys } from '../db/has-stored-api-keys.ts';
import { formatConfigProblem } from '../errors.ts';
import type { OwnMemory } from '../process/own-memory.ts';
import { readHost, storageWarning } from '../service/container-storage.ts';
import { type Service, startService } from '../service.ts';
import { createLogger, type Logger } from '../telemetry/logger.ts';
import { Redactor } from '../telemetry/redactor.ts';
import { WatchedFiles } from '../watched-files.ts';
import { curlLine, startMessage } from './announcement.ts';
import { describeProtections } from './protections.ts';
import { type ReadEnvironment, RunningConfiguration } from './running-configuration.ts';

/** How long the curl line waits for servers that are still starting. */
const EXAMPLE_WAIT_MS = 20_000;

/** A running service. */
export interface Serving {
  readonly logger: Logger;
  reload(): void;
  /** Opens the audit log anew after another program has moved it. */
  reopenLogs(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Starts the service and prints the URLs; `readEnvironment` is called again at every reload. Throws the
 * `ServiceError`s of a start that fails.
 */
export async function serve(
  options: ServiceOptions,
  readEnvironment: ReadEnvironment,
  ownMemory: OwnMemory,
): Promise<Serving> {
  const watched = new WatchedFiles();
  const onRead = (file: string) => {
    if (options.hotReload) watched.note(file);
  };
  const environment = readEnvironment(onRead);
  const hasStoredKeys = await hasStoredApiKeys(environment.database);
  const { settings, secrets, warnings, authFile } = loadSettings(options, environment, hasStoredKeys, onRead);
  const redactor = new Redactor();
  const logger = createLogger({ level: settings.logLevel, format: settings.logFormat, redactor });
  const service = await startService({ settings, secrets, logger, redactor, hasStoredKeys });
  process.stdout.write(`${startMessage(service, settings)}\n`);
  for (const warning of warnings) logger.warn(formatConfigProblem(warning));
  // With PostgreSQL nothing that matters is stored there.
  const lost = secrets.databaseUrl === undefined ? storageWarning(settings.dataDir, readHost()) : undefined;
  if (lost !== undefined) logger.warn(lost, { folder: settings.dataDir });
  if (!settings.hasAuthentication) {
    logger.warn('no API key is set: anyone who reaches the service can use every tool', { host: settings.host });
  }

  const protections = describeProtections(settings.servers, ownMemory);
  if (protections !== undefined) logger[ownMemory.environment === 'hidden' ? 'info' : 'warn'](protections);

  const configuration = new RunningConfiguration({
    options,
    readEnvironment,
    environment,
    authFile,
    watched,
    reload: service.reload,
    logger,
  });
  const leaving = new AbortController();
  void printCurlLine(service, () => curlLine(service, settings, settings.hasAuthentication), leaving.signal);
  return {
    logger,
    reload: () => configuration.reload(),
    reopenLogs: () => service.reopenLogs(),
    stop: async () => {
      leaving.abort();
      configuration.stop();
      await service.stop();
    },
  };
}

/** Only a server's catalogue shows which call works, so the line comes when the servers have settled. */
async function printCurlLine(service: Service, line: () => string | undefined, leaving: AbortSignal): Promise<void> {
  await Promise.all(service.registry.list().map((server) => server.whenSettled(EXAMPLE_WAIT_MS)));
  const text = leaving.aborted ? undefined : line();
  if (text !== undefined) process.stdout.write(`Try it:\n  ${text}\n\n`);
}
