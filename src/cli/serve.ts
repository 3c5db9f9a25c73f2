import type { ServiceOptions } from '../config/arguments.ts';
import { type AuthFile, authSchema } from '../config/auth-schema.ts';
import type { Environment } from '../config/environment.ts';
import { loadServers, loadSettings, resolveApiKey } from '../config/load-settings.ts';
import { resolveAuth } from '../config/resolve-auth.ts';
import { WatchedFiles } from '../config/watched-files.ts';
import { hasStoredApiKeys } from '../db/has-stored-api-keys.ts';
import { formatConfigProblem } from '../errors.ts';
import type { OwnMemory } from '../process/own-memory.ts';
import { readHost, storageWarning } from '../service/container-storage.ts';
import { type Service, startService } from '../service.ts';
import { createLogger, type Logger } from '../telemetry/logger.ts';
import { Redactor } from '../telemetry/redactor.ts';
import { curlLine, whereToLook } from './announcement.ts';
import { describeProtections } from './protections.ts';
import { SecretFiles } from './secret-files.ts';

/** How long the curl line waits for servers that are still starting. */
const EXAMPLE_WAIT_MS = 20_000;

/** Reads the environment, and `--env-path`, which `onRead` is called with just before. Throws `ConfigError`. */
export type ReadEnvironment = (onRead?: (file: string) => void) => Environment;

/** A service that was announced; how to reload it and how to end it. */
export interface Serving {
  readonly logger: Logger;
  reload(): void;
  /** Opens the audit log anew after another program has moved it. */
  reopenLogs(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Starts the service and prints where to look; `readEnvironment` is called again at every reload. Throws the
 * `ServiceError`s of a start that cannot be.
 */
export async function serve(
  options: ServiceOptions,
  readEnvironment: ReadEnvironment,
  ownMemory: OwnMemory,
): Promise<Serving> {
  const files = new WatchedFiles(() => reload());
  const onRead = (file: string) => files.note(file);
  let environment = readEnvironment(onRead);
  const hasStoredKeys = await hasStoredApiKeys(environment);
  const loaded = loadSettings(options, environment, hasStoredKeys, onRead);
  const { settings, secrets, warnings } = loaded;
  let { authFile } = loaded;
  const redactor = new Redactor();
  const logger = createLogger({ level: settings.logLevel, format: settings.logFormat, redactor });
  const service = await startService({ settings, secrets, logger, redactor, hasStoredKeys });
  process.stdout.write(`${whereToLook(service, settings)}\n`);
  for (const warning of warnings) logger.warn(formatConfigProblem(warning));
  // With PostgreSQL and keys of its own nothing that matters lies there.
  const lost = secrets.databaseUrl === undefined ? storageWarning(settings.dataDir, readHost()) : undefined;
  if (lost !== undefined) logger.warn(lost, { folder: settings.dataDir });
  if (!settings.hasAuthentication) {
    logger.warn('no API key is set: anyone who reaches the service can use every tool', { host: settings.host });
  }

  const protections = describeProtections(settings.servers, ownMemory);
  if (protections !== undefined) logger[ownMemory.environment === 'hidden' ? 'info' : 'warn'](protections);

  const authOf = (file: AuthFile | undefined, from: Environment) =>
    resolveAuth(file, from, {
      apiKey: resolveApiKey(options, from),
      allowsWeakSecrets: options.allowWeakSecrets,
    });
  /** A file that cannot be used changes nothing: the previous configuration stays in use. */
  const reloadAll = async () => {
    try {
      files.beginReading();
      const changed = readEnvironment(onRead);
      const file = loadServers(options, changed, onRead);
      // Issuers and what roles and groups may do are those of the start.
      const changedAuth = withKeys(authFile, file.auth);
      const auth = authOf(changedAuth, changed);
      for (const warning of file.warnings) logger.warn(formatConfigProblem(warning));
      await service.reload.apply({ servers: file.servers, auth, secrets: file.secrets });
      environment = changed;
      authFile = changedAuth;
    } catch (error) {
      service.reload.refuse(error);
    }
  };
  // One at a time: each begins with what the one before has left.
  let changing: Promise<void> = Promise.resolve();
  const inTurn = (work: () => Promise<void>): Promise<void> => {
    changing = changing.then(work);
    return changing;
  };
  const reload = () => void inTurn(reloadAll);
  const secretFiles = new SecretFiles({
    environment: () => environment,
    apply: async (changed, name) => {
      await service.reload.authenticate(authOf(authFile, changed), name);
      environment = changed;
    },
    inTurn,
    logger,
  });
  if (settings.hotReload && settings.configFile !== undefined) files.start();
  secretFiles.start();
  const leaving = new AbortController();
  void printCurlLine(service, () => curlLine(service, settings, settings.hasAuthentication), leaving.signal);
  return {
    logger,
    reload,
    reopenLogs: () => service.reopenLogs(),
    stop: async () => {
      leaving.abort();
      files.stop();
      secretFiles.stop();
      await service.stop();
    },
  };
}

function withKeys(start: AuthFile | undefined, changed: AuthFile | undefined): AuthFile | undefined {
  const keys = changed?.keys ?? [];
  return start === undefined ? changed && { ...authSchema.parse({}), keys } : { ...start, keys };
}

/** Only a server's catalogue tells a call that works, so the line comes when the servers have settled. */
async function printCurlLine(service: Service, line: () => string | undefined, leaving: AbortSignal): Promise<void> {
  await Promise.all(service.registry.list().map((server) => server.whenSettled(EXAMPLE_WAIT_MS)));
  const text = leaving.aborted ? undefined : line();
  if (text !== undefined) process.stdout.write(`Try it:\n  ${text}\n\n`);
}
