import type { BenchConfig } from './config.ts';
import type { BenchFleet } from './fleet/bench-fleet.ts';

/** A table of figures; the first column names the row. */
export interface Table {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (string | number)[])[];
}

/** What a benchmark found. */
export interface Report {
  readonly tables: readonly Table[];
  /** What to know when reading the figures. */
  readonly notes: readonly string[];
}

export interface Surroundings {
  readonly config: BenchConfig;
  /** Multiplies durations and counts: below 1 for a quick look, above for quieter figures. */
  readonly scale: number;
  /** Whether to look into the processes with a profiler, at the price of some speed. */
  readonly profile: boolean;
  /** The fleet that is measured, started when first asked for. */
  fleet(): Promise<BenchFleet>;
  /** Says on standard error what happens now. */
  say(line: string): void;
}

export interface Benchmark {
  readonly name: string;
  readonly about: string;
  run(surroundings: Surroundings): Promise<Report>;
}
