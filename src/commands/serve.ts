import type { ServiceOptions } from '../config/arguments.ts';
import type { Environment } from '../config/environment.ts';
import { loadServers, loadSettings } from '../config/load-settings.ts';
import { resolveAuth } from '../config/resolve-auth.ts';
import type { ServersFile } from '../config/servers-file.ts';
import { WatchedFiles } from '../config/watched-files.ts';
import { hasStoredApiKeys } from '../db/has-stored-api-keys.ts';
import { formatConfigProblem } from '../errors.ts';
import { type Service, startService } from '../service.ts';
import { createLogger, type Logger } from '../telemetry/logger.ts';
import { Redactor } from '../telemetry/redactor.ts';
import { curlLine, whereToLook } from './announcement.ts';

/** How long the curl line waits for servers that are still starting. */
const EXAMPLE_WAIT_MS = 20_000;

/** A service that was announced; how to reload it and how to end it. */
export interface Serving {
  readonly logger: Logger;
  reload(): void;
  /** Opens the audit log anew after another program has moved it. */
  reopenLogs(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts the service and prints where to look. Throws the `ServiceError`s of a start that cannot be. */
export async function serve(options: ServiceOptions, environment: Environment): Promise<Serving> {
  const hasStoredKeys = await hasStoredApiKeys(environment);
  const files = new WatchedFiles(() => reload());
  const onRead = (file: string) => files.note(file);
  const { settings, secrets, warnings } = loadSettings(options, environment, hasStoredKeys, onRead);
  const redactor = new Redactor();
  const logger = createLogger({ level: settings.logLevel, format: settings.logFormat, redactor });
  const service = await startService({ settings, secrets, logger, redactor, hasStoredKeys });
  process.stdout.write(`${whereToLook(service, settings)}\n`);
  for (const warning of warnings) logger.warn(formatConfigProblem(warning));
  if (!settings.hasAuthentication) {
    logger.warn('no API key is set: anyone who reaches the service can use every tool', { host: settings.host });
  }

  const reload = () => {
    files.beginReading();
    reloadServers(service, logger, () => loadServers(options, environment, onRead), environment);
  };
  if (settings.hotReload && settings.configFile !== undefined) files.start();
  const leaving = new AbortController();
  void printCurlLine(service, () => curlLine(service, settings, settings.hasAuthentication), leaving.signal);
  return {
    logger,
    reload,
    reopenLogs: () => service.reopenLogs(),
    stop: async () => {
      leaving.abort();
      files.stop();
      await service.stop();
    },
  };
}

/** A file that cannot be used changes nothing: the servers go on as they are. */
function reloadServers(service: Service, logger: Logger, load: () => ServersFile, environment: Environment): void {
  try {
    const { servers, auth, secrets, warnings } = load();
    const { keys } = resolveAuth(auth, environment, undefined);
    for (const warning of warnings) logger.warn(formatConfigProblem(warning));
    service.reload.apply({ servers, keys, secrets });
  } catch (error) {
    service.reload.refuse(error);
  }
}

/** Only a server's catalogue tells a call that works, so the line comes when the servers have settled. */
async function printCurlLine(service: Service, line: () => string | undefined, leaving: AbortSignal): Promise<void> {
  await Promise.all(service.registry.list().map((server) => server.whenSettled(EXAMPLE_WAIT_MS)));
  const text = leaving.aborted ? undefined : line();
  if (text !== undefined) process.stdout.write(`Try it:\n  ${text}\n\n`);
}
