import type { Table } from '../benchmark.ts';
import { shown } from '../report.ts';
import type { Load } from './closed-loop.ts';
import { medianOf } from './statistics.ts';

/** One measurement: what callers saw, and what each process spent on it. */
export interface Measured {
  readonly load: Load;
  readonly cpuMs: Readonly<Record<string, number>>;
}

/** Below this a process is left out: the kernel counts in steps of 10 ms. */
const leastShownMs = 0.02;

/** Processor milliseconds per answer in each process that has a share; a column for each side of each comparison. */
export function cpuTable(title: string, comparisons: readonly Readonly<Record<string, readonly Measured[]>>[]): Table {
  const columns = comparisons.flatMap((comparison) => Object.entries(comparison));
  const names = Object.keys(columns[0]?.[1][0]?.cpuMs ?? {});
  const rows = names.map((name) => ({
    name,
    figures: columns.map(([, measured]) =>
      medianOf(measured.map(({ load, cpuMs }) => (cpuMs[name] ?? 0) / Math.max(1, load.count))),
    ),
  }));
  const busy = rows.filter(({ figures }) => figures.some((figure) => figure >= leastShownMs));
  const total = columns.map((_, column) => rows.reduce((sum, { figures }) => sum + (figures[column] ?? 0), 0));
  return {
    title,
    columns: ['process', ...columns.map(([side]) => side)],
    rows: [...busy, { name: 'all', figures: total }].map(({ name, figures }) => [name, ...figures.map(shown)]),
  };
}
