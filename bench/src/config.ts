import { resolve } from 'node:path';
import { parseEnvironment } from '@flotilla/config';

/** What `./flotilla bench` tells the benchmarks. */
export interface BenchConfig {
  readonly workspace: string;
  /** Everything that a run keeps: servers, a fleet, logs. */
  readonly stateDir: string;
  /** For the command line, which starts the fleet that is measured. */
  readonly environment: NodeJS.ProcessEnv;
}

export function readBenchConfig(): BenchConfig {
  const workspace = resolve(import.meta.dirname, '../..');
  return parseEnvironment(process.env, (read) => ({
    workspace,
    stateDir: read.text('BENCH_STATE_DIR', {
      description: 'Where servers and fleets of the benchmarks keep their state.',
      default: resolve(workspace, '.flotilla/bench'),
    }),
    environment: process.env,
  }));
}
