import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type FleetProcess, freePort } from '@flotilla/deploy';
import { type CliConfig, readConfig } from '../src/config.ts';
import { fleetCondition, startSupervisor, stopFleet, untilWell } from '../src/fleet-control.ts';
import { connectSupervisor, type SupervisorClient } from '../src/supervisor/client.ts';
import type { FleetFile } from '../src/supervisor/fleet-file.ts';
import type { ProcessStatus } from '../src/supervisor/tended-process.ts';

/** A fleet of the little programs beside, under a real supervisor. */
export interface SmallFleet {
  readonly config: CliConfig;
  readonly planned: FleetFile;
  readonly client: SupervisorClient;
  up(): Promise<void>;
  condition(): ReturnType<typeof fleetCondition>;
  well(name: string, patienceMs?: number): Promise<ProcessStatus>;
  status(name: string): Promise<ProcessStatus>;
  down(): ReturnType<typeof stopFleet>;
}

export function smallFleet(processes: readonly FleetProcess[]): SmallFleet {
  const stateDir = mkdtempSync(join(tmpdir(), 'flotilla-fleet-'));
  const config = readConfig({ PATH: process.env['PATH'], FLOTILLA_STATE_DIR: stateDir });
  const { workspace, inherited } = config;
  const planned: FleetFile = {
    shape: { portBase: config.portBase, replicas: 1 },
    processes,
    site: { workspace, stateDir, inherited, fromSources: false },
  };
  const client = connectSupervisor(stateDir);
  return {
    config,
    planned,
    client,
    up: () => startSupervisor(config, planned),
    condition: () => fleetCondition(config, planned),
    well: (name, patienceMs = 15_000) => untilWell(config, name, Date.now() + patienceMs),
    async status(name) {
      const found = (await client.measured())?.find((one) => one.name === name);
      if (found === undefined) throw new Error(`nothing is known of ${name}`);
      return found;
    },
    down: () => stopFleet(config),
  };
}

/** A service that listens on a free port. */
export async function listener(name: string, more: Partial<FleetProcess> = {}): Promise<FleetProcess> {
  const port = await freePort();
  return {
    name,
    kind: 'service',
    about: 'a test program',
    program: { kind: 'script', path: 'cli/test/programs/listens.ts', argv: [] },
    ports: { http: port },
    health: { kind: 'http', port, path: '/' },
    after: [],
    ...more,
    env: { PORT: String(port), ...more.env },
  };
}

/** A task that runs one of the programs. */
export function task(
  name: string,
  program: string,
  env: Record<string, string> = {},
  after: string[] = [],
): FleetProcess {
  const path = `cli/test/programs/${program}.ts`;
  return {
    name,
    kind: 'task',
    about: 'a test task',
    program: { kind: 'script', path, argv: [] },
    ports: {},
    health: { kind: 'exit' },
    after,
    env,
  };
}
