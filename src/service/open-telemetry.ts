import { randomUUID } from 'node:crypto';
import type { Secrets, Settings } from '../config/settings.ts';
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
