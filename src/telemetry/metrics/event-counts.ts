import { entryOf } from './entry-of.ts';
import { type Labels, METRICS, type MetricName } from './metric-definitions.ts';
import type { Scrape } from './scrape.ts';

type CounterName = {
  [Name in MetricName]: (typeof METRICS)[Name]['type'] extends 'counter' ? Name : never;
}[MetricName];

export interface Count {
  readonly labels: Readonly<Record<string, string>>;
  value: number;
}

/** Counters of what happens now and then. Calls have `CallCounts`, which costs less. */
export class EventCounts {
  readonly #counts = new Map<CounterName, Map<string, Count>>();

  /** Counts one. The values of labels are words of the code or names of configured servers. */
  add<Name extends CounterName>(name: Name, labels: Labels<Name>): void {
    this.count(name, labels).value += 1;
  }

  /**
   * One series, for what counts often; it is shown from now on. A counter that is not shown before its
   * first event has not increased for Prometheus.
   */
  count<Name extends CounterName>(name: Name, labels: Labels<Name>): Count {
    const values: Readonly<Record<string, string>> = labels;
    const key = METRICS[name].labels.map((label) => values[label]).join('\n');
    const counts = entryOf(this.#counts, name, () => new Map<string, Count>());
    return entryOf(counts, key, () => ({ labels, value: 0 }));
  }

  /** Adds the series to a scrape, and drops those of servers that are not configured any more. */
  write(scrape: Scrape, servers: ReadonlySet<string>): void {
    for (const [name, counts] of this.#counts) {
      for (const [key, { labels, value }] of counts) {
        if (labels.server !== undefined && !servers.has(labels.server)) counts.delete(key);
        else scrape.add(name, labels as Labels<CounterName>, value);
      }
    }
  }
}
