import type { Server } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { Settings } from '../config/settings.ts';
import type { RunningCalls } from '../http/tool-call/running-calls.ts';
import type { Logger } from '../telemetry/logger.ts';

/** How long the answers to calls that were cut off may take to leave. */
const LAST_ANSWERS_MS = 1_000;

interface Draining {
  readonly calls: RunningCalls;
  readonly server: Pick<Server, 'closeIdleConnections'>;
  /** Ends every session, with which the calls on it end. */
  readonly registry: { stop(): Promise<void> };
  readonly settings: Pick<Settings, 'preStopMs' | 'drainTimeMs'>;
  readonly logger: Logger;
}

/**
 * Lets the service go without a call lost: not ready at once, while calls are accepted for `preStopMs`, in which load
 * balancers notice; then new calls are refused with 503, and running ones have `drainTimeMs`. Those that are left are
 * answered with 502, since their sessions end; the port stays open all the while. Takes no longer than both times,
 * `LAST_ANSWERS_MS` and the end of the child processes, which is under three seconds.
 */
export async function drain({ calls, server, registry, settings, logger }: Draining): Promise<void> {
  const { preStopMs, drainTimeMs } = settings;
  calls.leave();
  if (preStopMs > 0) {
    logger.info('not ready any more; calls are still accepted', { seconds: preStopMs / 1_000 });
    await delay(preStopMs);
  }
  const areAnswered = calls.drain(drainTimeMs);
  // Proxies keep connections for later calls, which would only be refused.
  server.closeIdleConnections();
  if (await areAnswered) return;
  logger.warn('calls still running at the end of the drain time were cut off', { calls: calls.running });
  const lastAnswers = calls.drain(LAST_ANSWERS_MS);
  calls.cutOff();
  await Promise.all([registry.stop(), lastAnswers]);
}
