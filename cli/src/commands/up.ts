import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type FleetProcess, installed } from '@flotilla/deploy';
import type { CliConfig } from '../config.ts';
import { fleetCondition, startSupervisor, stopFleet, untilWell } from '../fleet-control.ts';
import { type FleetWish, planFleet } from '../plan.ts';
import { runCommand } from '../run-command.ts';
import { runSteps, type Step } from '../steps.ts';
import type { FleetFile } from '../supervisor/fleet-file.ts';

const startTimeoutMs = 240_000;

/** Brings the fleet up, or repairs it; harmless when it is up. Progress goes to standard error. */
export async function up(config: CliConfig, wish: FleetWish): Promise<FleetFile> {
  const steps: Step[] = [{ title: 'Native stack (once per machine)', run: (show) => installParts(show) }];
  if (!wish.fromSources) steps.push({ title: 'Bundles', run: () => buildBundles(config) });
  await runSteps(steps);
  const planned = await planFleet(config, wish);
  const condition = await fleetCondition(config, planned);
  const begin: Step[] = [];
  if (condition === 'changed') {
    begin.push({
      title: 'Stop the fleet: something has changed since it started',
      run: async () => void (await stopFleet(config)),
    });
  }
  if (condition !== 'running') begin.push({ title: 'Supervisor', run: () => startSupervisor(config, planned) });
  await runSteps(begin);
  const deadline = Date.now() + startTimeoutMs;
  await runSteps(
    planned.processes.map((one) => waitFor(config, one, deadline)),
    { concurrent: true },
  );
  return planned;
}

/** Makes the bundles that are missing or older than their sources. */
export async function buildBundles(config: CliConfig): Promise<void> {
  const turbo = join(config.workspace, 'node_modules/.bin/turbo');
  const services = readdirSync(join(config.workspace, 'services')).filter((name) =>
    existsSync(join(config.workspace, 'services', name, 'src/main.ts')),
  );
  if (services.length === 0) return;
  const filters = services.map((name) => `--filter=./services/${name}`);
  const { code, output } = await runCommand(turbo, ['run', 'build', '--output-logs=errors-only', ...filters], {
    cwd: config.workspace,
    env: { ...config.env, TURBO_TELEMETRY_DISABLED: '1', DO_NOT_TRACK: '1' },
    timeoutMs: 600_000,
  });
  if (code !== 0)
    throw new Error(`The bundles could not be built:\n${output.trimEnd().split('\n').slice(-30).join('\n')}`);
}

async function installParts(onProgress: (line: string) => void): Promise<void> {
  for (const part of ['root', 'kafka', 'temporal', 'chat-model'] as const) await installed(part, onProgress);
}

function waitFor(config: CliConfig, { name, about }: FleetProcess, deadline: number): Step {
  return {
    title: `${name}: ${about}`,
    run: async () => void (await untilWell(config, name, deadline)),
  };
}
