import { entryOf } from './entry-of.ts';
import { type Labels, METRICS, type MetricDefinition, type MetricName } from './metric-definitions.ts';

export interface Sample {
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
  /** Of a series of a histogram, which has a name of its own. */
  readonly metricName?: string | undefined;
}

/** A metric with all its series, in the form that prom-client writes. */
export interface MetricFamily extends Pick<MetricDefinition, 'type' | 'help'> {
  readonly name: string;
  readonly values: readonly Sample[];
}

/** The values of one moment, as the parts of the service report them. */
export class Scrape {
  readonly #samples = new Map<MetricName, Sample[]>();

  /** Adds a series; each may be added once. */
  add<Name extends MetricName>(name: Name, labels: Labels<Name>, value: number): void {
    this.#push(name, { labels, value });
  }

  /** Adds the series of a histogram: how many values were at most each bound, and more than the last one. */
  addHistogram(
    name: 'mcpo_call_duration_seconds',
    labels: Labels<typeof name>,
    { bounds, counts, sum }: { bounds: readonly number[]; counts: ArrayLike<number>; sum: number },
  ): void {
    let count = 0;
    for (const [index, bound] of [...bounds, '+Inf'].entries()) {
      count += counts[index] ?? 0;
      this.#push(name, { metricName: `${name}_bucket`, labels: { ...labels, le: bound }, value: count });
    }
    this.#push(name, { metricName: `${name}_sum`, labels, value: sum });
    this.#push(name, { metricName: `${name}_count`, labels, value: count });
  }

  /** In the order of `METRICS`; a metric without series is left out. */
  families(): readonly MetricFamily[] {
    return Object.entries(METRICS).flatMap(([name, { type, help }]) => {
      const values = this.#samples.get(name as MetricName);
      return values === undefined ? [] : [{ name, type, help, values }];
    });
  }

  #push(name: MetricName, sample: Sample): void {
    entryOf(this.#samples, name, () => []).push(sample);
  }
}
