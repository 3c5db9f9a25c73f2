import { randomUUID } from 'node:crypto';
import type { Secrets, Settings } from '../config/settings.ts';
import type { ErrorReports } from '../telemetry/error-reports.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Redactor } from '../telemetry/redactor.ts';
import type { Tracing } from '../telemetry/trace.ts';
import { readVersion } from '../version.ts';

/** Opens what records traces, where a collector is configured: OpenTelemetry is loaded only then. */
export async function openConfiguredTracing(
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
export async function openConfiguredReports(
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
