import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

/**
 * The meters of one service instance, in a registry of its own, so that several services fit in one process.
 * Asking again for a name answers the same meter. Labels must have few values: never ids.
 */
export interface Metrics {
  counter<L extends string = never>(name: string, help: string, labels?: readonly L[]): Counter<L>;
  /** In seconds unless the name says otherwise; default buckets reach from 1 ms to 60 s. */
  histogram<L extends string = never>(
    name: string,
    help: string,
    labels?: readonly L[],
    buckets?: readonly number[],
  ): Histogram<L>;
  /** With `collect` the value is read at each scrape. */
  gauge<L extends string = never>(
    name: string,
    help: string,
    labels?: readonly L[],
    collect?: (gauge: Gauge<L>) => void | Promise<void>,
  ): Gauge<L>;
  readonly contentType: string;
  /** The Prometheus text format. */
  text(): Promise<string>;
}

const defaultBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/** Creates the meters of a service instance, Node's own among them. */
export function createMetrics(service: string): Metrics {
  const registry = new Registry();
  registry.setDefaultLabels({ service });
  collectDefaultMetrics({ register: registry });

  const once = <T>(name: string, create: () => T): T => (registry.getSingleMetric(name) as T | undefined) ?? create();
  return {
    counter: <L extends string>(name: string, help: string, labels: readonly L[] = []) =>
      once(name, () => new Counter<L>({ name, help, labelNames: labels, registers: [registry] })),
    histogram: <L extends string>(name: string, help: string, labels: readonly L[] = [], buckets = defaultBuckets) =>
      once(
        name,
        () => new Histogram<L>({ name, help, labelNames: labels, buckets: [...buckets], registers: [registry] }),
      ),
    gauge: <L extends string>(
      name: string,
      help: string,
      labels: readonly L[] = [],
      collect?: (gauge: Gauge<L>) => void | Promise<void>,
    ) =>
      once(
        name,
        () =>
          new Gauge<L>({
            name,
            help,
            labelNames: labels,
            registers: [registry],
            ...(collect && {
              collect(this: Gauge<L>) {
                return collect(this);
              },
            }),
          }),
      ),
    contentType: registry.contentType,
    text: () => registry.metrics(),
  };
}
