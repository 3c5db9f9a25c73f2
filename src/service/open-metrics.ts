import type { ReadMetrics } from '../http/metrics/metrics-route.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Closers } from './closers.ts';
import { Lazy } from './lazy.ts';
import { closeServer, listen, toUrl } from './listen.ts';
import type { MetricsSources } from './metrics.ts';

/**
 * Opens the port of the metrics where there is one, and returns `undefined` then; else how to read them, for the main
 * port. Rejects with `ListenError`.
 */
export async function openMetrics(
  sources: MetricsSources,
  logger: Logger,
  closers: Closers,
): Promise<ReadMetrics | undefined> {
  const metrics = new Lazy(async () => {
    // With prom-client, loaded for the first scrape.
    const { createMetrics } = await import('./metrics.ts');
    return createMetrics(sources);
  });
  const readMetrics: ReadMetrics = async (format) => (await metrics.get())(format);
  const place = sources.settings.metrics;
  if (place === undefined) return readMetrics;
  const { createMetricsServer } = await import('../http/metrics/metrics-server.ts');
  const server = createMetricsServer(place.host, readMetrics, logger);
  closers.add('port of the metrics', () => closeServer(server));
  await listen(server, place, 'MCPO_METRICS_PORT');
  logger.info('metrics have their own port', { url: `${toUrl(server, place)}/metrics` });
  return undefined;
}
