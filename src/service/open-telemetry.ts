import { randomUUID } from 'node:crypto';
import type { Secrets, Settings } from '../config/settings.ts';
import { reportFaults } from '../http/report-faults.ts';
import type { RequestObserver } from '../http/request-facts.ts';
import { endRequestSpan } from '../http/request-trace.ts';
import type { ErrorReports } from '../telemetry/error-reports.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Redactor } from '../telemetry/redactor.ts';
import type { Tracing } from '../telemetry/trace.ts';
import { readVersion } from '../version.ts';
import type { Closers } from './closers.ts';

/** A collector that does not answer must not keep the service from ending. */
const CLOSE_MS = 3_000;

/** What watches requests and sends what it sees elsewhere; nothing of it is there where that is not configured. */
export interface Telemetry {
  readonly tracing: Tracing | undefined;
  readonly reports: ErrorReports | undefined;
  readonly observers: readonly RequestObserver[];
}

/** To be opened first, and so closed last: everything else may still be recorded. */
export async function openTelemetry(
  settings: Settings,
  secrets: Secrets,
  redactor: Redactor,
  logger: Logger,
  closers: Closers,
): Promise<Telemetry> {
  const tracing = await openConfiguredTracing(settings, secrets, redactor, logger);
  const reports = await openConfiguredReports(settings, secrets, redactor, logger);
  closers.add('connection to Sentry', () => reports?.close(), { withinMs: CLOSE_MS });
  closers.add('connection to the collector of traces', () => tracing?.close(), { withinMs: CLOSE_MS });
  const observers = [
    ...(tracing === undefined ? [] : [endRequestSpan]),
    ...(reports === undefined ? [] : [reportFaults(reports)]),
  ];
  return { tracing, reports, observers };
}

/** Opens what records traces, where a collector is configured: OpenTelemetry is loaded only then. */
async function openConfiguredTracing(
  { tracing: settings }: Settings,
  { tracingHeaders: headers }: Secrets,
  redactor: Redactor,
  logger: Logger,
): Promise<Tracing | undefined> {
  if (settings === undefined) return undefined;
  const { openTracing } = await import('../telemetry/open-tracing.ts');
  const service = { version: readVersion(), instanceId: randomUUID() };
  return openTracing({ settings, headers, service, redactor, logger });
}

/**
 * Opens what reports errors to Sentry, where that is configured: it is loaded only then. A fault that nobody handles is
 * reported before it ends the process.
 */
async function openConfiguredReports(
  { sentry: { environment, release } }: Settings,
  { sentryDsn: dsn }: Secrets,
  redactor: Redactor,
  logger: Logger,
): Promise<ErrorReports | undefined> {
  if (dsn === undefined) return undefined;
  const { openErrorReports } = await import('../telemetry/open-error-reports.ts');
  const reports = openErrorReports({
    dsn,
    environment,
    release: release ?? `mcpo-ts@${readVersion()}`,
    redactor,
    logger,
  });
  const endWithReport = async (error: unknown): Promise<void> => {
    const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
    logger.error('the service ends by a fault of its own', { error: stack });
    reports.fault(error, {});
    await reports.close();
    process.exit(1);
  };
  // Also of rejections that nobody handles.
  process.once('uncaughtException', (error) => void endWithReport(error));
  return reports;
}
