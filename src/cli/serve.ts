import { loadSettings } from '../config/load-settings.ts';
import { loadResolved } from '../config/references.ts';
import type { OnRead } from '../config/server-context.ts';
import type { ServiceOptions } from '../config/service-options.ts';
import { hasStoredApiKeys } from '../db/has-stored-api-keys.ts';
import type { startWarnings } from '../doctor/start-warnings.ts';
import { formatConfigProblem } from '../errors.ts';
import type { OwnMemory } from '../process/own-memory.ts';
import type { SecretReferences } from '../secret-sources/secret-references.ts';
import { makeHome, readHost, storageWarning } from '../service/container-storage.ts';
import { type Service, startService } from '../service.ts';
import { createLogger, type Logger } from '../telemetry/logger.ts';
import { createPaint } from '../telemetry/paint.ts';
import { Redactor } from '../telemetry/redactor.ts';
import { WatchedFiles } from '../watched-files.ts';
import { curlLine, startFields, startMessage } from './announcement.ts';
import type { LiveLine } from './live-line.ts';
import { openEdits } from './open-edits.ts';
import type { ProcessEvents } from './process-events.ts';
import { describeProtections } from './protections.ts';
import { type ReadEnvironment, RunningConfiguration } from './running-configuration.ts';
import type { ServiceSignals } from './service-signals.ts';

/** How long the curl line waits for servers that are still starting. */
const EXAMPLE_WAIT_MS = 20_000;

/** How long the line that counts the ready servers waits for slow ones. */
const SETTLE_MS = 30_000;

const SIGNAL_NUMBERS = { SIGINT: 2, SIGTERM: 15 } as const;

export interface ServeParts {
  readonly options: ServiceOptions;
  readonly readEnvironment: ReadEnvironment;
  readonly references: SecretReferences;
  readonly ownMemory: OwnMemory;
  readonly signals: ServiceSignals;
  readonly events: ProcessEvents;
}

/**
 * Starts the service, prints the URLs, and serves until a signal ends it, which is not a failure. `readEnvironment` is
 * called again at every reload. Rejects with the `ServiceError`s of a start that fails.
 */
export async function serve(parts: ServeParts): Promise<void> {
  const { options, readEnvironment, references, ownMemory, signals, events } = parts;
  const signalled = untilSignal();
  const watched = new WatchedFiles();
  const referencedFiles = new Set<string>();
  const onRead: OnRead = (file, kind) => {
    if (kind === 'secret') referencedFiles.add(file);
    if (options.hotReload || kind === 'secret') watched.note(file);
  };
  const environment = readEnvironment(onRead);
  const hasStoredKeys = await hasStoredApiKeys(environment.database);
  const { settings, secrets, warnings, authFile, text } = await loadResolved(environment, () =>
    loadSettings(options, environment, hasStoredKeys, onRead),
  );
  const redactor = new Redactor();
  const { isLive, colours } = environment.terminal;
  const live = isLive && settings.logFormat === 'pretty' ? await openLiveLine() : undefined;
  const logger = createLogger({
    level: settings.logLevel,
    format: settings.logFormat,
    redactor,
    hasColours: colours.error,
    ...(live === undefined ? {} : { stream: live.stream }),
  });
  events.logTo(logger);
  const edits = await openEdits(settings, options, readEnvironment, redactor);
  makeHome(settings.dataDir);
  const service = await startService({ settings, secrets, logger, redactor, hasStoredKeys, edits });
  // The level says nothing about what a start prints.
  const out = { level: 'info', format: 'json', redactor, stream: process.stdout } as const;
  const printed = settings.outputFormat === 'json' ? createLogger(out) : undefined;
  if (printed !== undefined) printed.info(`Listening on ${service.url}`, startFields(service, settings));
  else process.stdout.write(`${startMessage(service, settings, createPaint(colours.out))}\n`);
  for (const warning of warnings) logger.warn(formatConfigProblem(warning));
  // With PostgreSQL nothing that matters is stored there.
  const lost = secrets.databaseUrl === undefined ? storageWarning(settings.dataDir, readHost()) : undefined;
  if (lost !== undefined) logger.warn(lost, { folder: settings.dataDir });
  if (!settings.hasAuthentication) {
    logger.warn('no API key is set: anyone who reaches the service can use every tool', { host: settings.host });
  }

  const protections = describeProtections(settings.servers, ownMemory);
  if (protections !== undefined) logger[ownMemory.environment === 'hidden' ? 'info' : 'warn'](protections);

  void logStartWarnings({ settings, secrets, environment, options, dataDir: settings.dataDir }, service, logger);

  const configuration = new RunningConfiguration({
    options,
    readEnvironment,
    environment,
    authFile,
    servers: settings.servers,
    text,
    referencedFiles,
    references,
    watched,
    reload: service.reload,
    logger,
  });
  if (edits !== undefined) edits.reload = () => configuration.reload();
  const leaving = new AbortController();
  const printCurl = (command: string) => {
    const text = `Try it:\n  ${command}\n\n`;
    if (printed !== undefined) printed.info('Try it', { command });
    else if (live !== undefined) live.print(process.stdout, text);
    else process.stdout.write(text);
  };
  void showStart(service, logger, live, leaving.signal);
  void printCurlLine(service, () => curlLine(service, settings, settings.hasAuthentication), printCurl, leaving.signal);
  signals.handle({ SIGHUP: () => void configuration.reload(), SIGUSR2: () => void service.reopenLogs() });
  logger.info(`${await signalled}: running calls may finish; a second signal ends at once`);
  leaving.abort();
  configuration.stop();
  await service.stop();
}

async function openLiveLine(): Promise<LiveLine> {
  const { LiveLine: Line } = await import('./live-line.ts');
  return new Line(process.stderr);
}

/** On a terminal shows how many servers are ready while they start; logs it once they have settled. */
async function showStart(
  { registry }: Service,
  logger: Logger,
  live: LiveLine | undefined,
  leaving: AbortSignal,
): Promise<void> {
  const { countReady, followProgress, progressOf } = await import('./start-progress.ts');
  const end = live === undefined ? () => {} : followProgress(registry.list(), (line) => live.show(line));
  await Promise.race([
    registry.whenSettled(SETTLE_MS),
    new Promise((resolve) => leaving.addEventListener('abort', resolve)),
  ]);
  end();
  live?.show('');
  const progress = progressOf(registry.list());
  const failing = progress.failed.length === 0 ? {} : { failing: progress.failed.join(', ') };
  if (!leaving.aborted) logger.info(countReady(progress), failing);
}

/** Once the servers have started, which they must not slow down. */
async function logStartWarnings(
  subject: Parameters<typeof startWarnings>[0],
  { registry }: Service,
  logger: Logger,
): Promise<void> {
  await registry.whenSettled();
  const { startWarnings: find } = await import('../doctor/start-warnings.ts');
  for (const warning of find(subject)) logger.warn(warning);
}

/** Only a server's catalogue shows which call works, so the line comes when the servers have settled. */
async function printCurlLine(
  service: Service,
  line: () => string | undefined,
  print: (text: string) => void,
  leaving: AbortSignal,
): Promise<void> {
  await Promise.all(service.registry.list().map((server) => server.whenSettled(EXAMPLE_WAIT_MS)));
  const text = leaving.aborted ? undefined : line();
  if (text !== undefined) print(text);
}

/** Resolves at the first signal to end; the second one ends the process at once, child processes included. */
function untilSignal(): Promise<string> {
  return new Promise((resolve) => {
    let isEnding = false;
    for (const [signal, number] of Object.entries(SIGNAL_NUMBERS)) {
      process.on(signal, () => {
        if (isEnding) process.exit(128 + number);
        isEnding = true;
        resolve(signal);
      });
    }
  });
}
