import { collectDefaultMetrics, type Metric, Registry } from 'prom-client';
import type { MetricFamily } from './scrape.ts';

export type MetricsFormat = 'prometheus' | 'openmetrics';

/** Of the event loop's lag; the least lag is the largest number there is before anything was measured. */
const MAX_SECONDS = 1e6;

/** Metrics of the process and of Node.js under their usual names; they are measured from the first use on. */
const processRegistry = new Registry();
collectDefaultMetrics({ register: processRegistry });
// They name gauges as counters, and what is behind them is internal to Node.js.
for (const { name } of processRegistry.getMetricsAsArray()) {
  if (name.startsWith('nodejs_active_')) processRegistry.removeSingleMetric(name);
}

/** The metrics of the process, and what `families` holds, as text with its media type. */
export async function renderMetrics(
  families: readonly MetricFamily[],
  format: MetricsFormat,
): Promise<{ readonly contentType: string; readonly body: string }> {
  const contentType = format === 'openmetrics' ? Registry.OPENMETRICS_CONTENT_TYPE : Registry.PROMETHEUS_CONTENT_TYPE;
  // A registry of its own, since one that has written OpenMetrics has renamed its counters.
  const registry = new Registry();
  registry.setContentType(contentType as typeof Registry.PROMETHEUS_CONTENT_TYPE);
  const ofProcess = (await processRegistry.getMetricsAsJSON()) as unknown as readonly MetricFamily[];
  for (const family of [...families, ...ofProcess.map(withoutUnknown)]) {
    // Read by its own name then, which the registry changes for OpenMetrics.
    const metric = { ...family, get: async () => ({ ...metric }) };
    registry.registerMetric(metric as unknown as Metric);
  }
  return { contentType, body: await registry.metrics() };
}

/** Without what was not measured yet. */
function withoutUnknown(family: MetricFamily): MetricFamily {
  if (!family.name.startsWith('nodejs_eventloop_lag_')) return family;
  return { ...family, values: family.values.filter(({ value }) => value < MAX_SECONDS) };
}
