import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type FleetProcess, installed } from '@flotilla/deploy';
import { Listr, type ListrTask, PRESET_TIMER } from 'listr2';
import type { CliConfig } from '../config.ts';
import { fleetCondition, startSupervisor, stopFleet, untilWell } from '../fleet-control.ts';
import { type FleetWish, planFleet } from '../plan.ts';
import { runCommand } from '../run-command.ts';
import type { FleetFile } from '../supervisor/fleet-file.ts';

const startTimeoutMs = 240_000;

/** Brings the fleet up, or repairs it; harmless when it is up. Progress goes to standard error. */
export async function up(config: CliConfig, wish: FleetWish): Promise<FleetFile> {
  const steps: ListrTask[] = [
    { title: 'Native stack (once per machine)', task: (_, task) => installParts((line) => (task.output = line)) },
  ];
  if (!wish.fromSources) steps.push({ title: 'Bundles', task: () => buildBundles(config) });
  await run(steps, false);
  const planned = await planFleet(config, wish);
  const condition = await fleetCondition(config, planned);
  const begin: ListrTask[] = [];
  if (condition === 'changed') {
    begin.push({
      title: 'Stop the fleet: something has changed since it started',
      task: async () => void (await stopFleet(config)),
    });
  }
  if (condition !== 'running') begin.push({ title: 'Supervisor', task: () => startSupervisor(config, planned) });
  await run(begin, false);
  const deadline = Date.now() + startTimeoutMs;
  await run(
    planned.processes.map((one) => waitFor(config, one, deadline)),
    true,
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

function waitFor(config: CliConfig, { name, about }: FleetProcess, deadline: number): ListrTask {
  return {
    title: `${name}: ${about}`,
    task: async () => void (await untilWell(config, name, deadline)),
  };
}

/** Shows the steps while they run. @throws the first step's error, which is shown in full only by the caller */
async function run(tasks: ListrTask[], concurrent: boolean): Promise<void> {
  const problems: unknown[] = [];
  const short = tasks.map(({ title, task }) => ({
    title: title as string,
    task: async (context: unknown, wrapper: Parameters<typeof task>[1]) => {
      try {
        await task(context, wrapper);
      } catch (problem) {
        problems.push(problem);
        throw new Error(problem instanceof Error ? (problem.message.split('\n')[0] ?? '') : String(problem));
      }
    },
  }));
  const list = new Listr(short, {
    concurrent,
    exitOnError: !concurrent,
    fallbackRenderer: 'simple',
    rendererOptions: { timer: PRESET_TIMER, collapseErrors: false },
    fallbackRendererOptions: { timer: PRESET_TIMER },
  });
  await list.run().catch(() => undefined);
  if (problems.length > 0) throw problems[0];
}
