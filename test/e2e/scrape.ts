import { METRICS, type MetricName } from '../../src/telemetry/metrics/metric-definitions.ts';
import type { Service } from './harness.ts';
import { sendRequest } from './http-request.ts';

/** The series of a scrape, each as it is written: `name{label="value"}`. */
export type Series = ReadonlyMap<string, number>;

/** Scrapes the main port; throws unless it is answered. */
export async function scrape(service: Service, headers: Readonly<Record<string, string>> = {}): Promise<Series> {
  const answer = await service.get('/metrics', headers);
  if (answer.status !== 200) throw new Error(`/metrics answered ${answer.status}: ${answer.text}`);
  return readSeries(answer.text);
}

function readSeries(text: string): Series {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const [, series = '', value] = /^(.*) (\S+)$/.exec(line) ?? [];
      return [series, Number(value)];
    }),
  );
}

/** The series of one metric, by their labels as they are written. */
export function seriesOf(series: Series, name: MetricName): Readonly<Record<string, number>> {
  const isHistogram = METRICS[name].type === 'histogram';
  const own = [...series].filter(([key]) => (isHistogram ? key.startsWith(`${name}_`) : key.split('{')[0] === name));
  return Object.fromEntries(own.map(([key, value]) => [key.slice(name.length), value]));
}

/** The port of the metrics alone, from the log. */
export function metricsPort(service: Service): number {
  return Number(/metrics have their own port.*?http:\/\/[^/"]+:(\d+)\/metrics/.exec(service.stderr())?.[1]);
}

export async function scrapePort(port: number, headers: Readonly<Record<string, string>> = {}) {
  return sendRequest(port, 'GET', '/metrics', { headers });
}
