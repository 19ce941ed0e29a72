import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { isFree } from '@flotilla/deploy';
import type { CliConfig } from './config.ts';
import { isSameFleet } from './plan.ts';
import { isAlive, type ProcessIdentity, portOwner, signalProcess } from './process-table.ts';
import { connectSupervisor } from './supervisor/client.ts';
import { type FleetFile, readFleetFile, readJson, writeFleetFile } from './supervisor/fleet-file.ts';
import { endOrphans, processesFile } from './supervisor/supervisor.ts';
import type { ProcessStatus } from './supervisor/tended-process.ts';

/** What stands between the wish and a running fleet. */
export type FleetCondition = 'running' | 'changed' | 'down';

/** Whether the fleet runs, and whether it is the one that was planned: same description, no bundle newer than its process. */
export async function fleetCondition(config: CliConfig, planned: FleetFile): Promise<FleetCondition> {
  const statuses = await connectSupervisor(config.stateDir).status();
  const running = readFleetFile(config.stateDir);
  if (statuses === undefined || running === undefined) return 'down';
  if (!isSameFleet(running, planned)) return 'changed';
  const outdated = planned.processes.some(({ name, program }) => {
    const uptimeMs = statuses.find((one) => one.name === name)?.uptimeMs;
    if (program.kind !== 'service' || planned.site.fromSources || uptimeMs === undefined) return false;
    return statSync(join(config.workspace, program.folder, 'dist/main.js')).mtimeMs > Date.now() - uptimeMs;
  });
  return outdated ? 'changed' : 'running';
}

/**
 * Starts the supervisor; it starts everything else. Harmless when there is one.
 * @throws Error when a port is taken, saying by whom
 */
export async function startSupervisor(config: CliConfig, planned: FleetFile): Promise<void> {
  const { stateDir } = config;
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  let ended = false;
  if (!isSupervised(stateDir)) {
    await clearRemains(stateDir);
    await refuseTakenPorts(planned);
    writeFleetFile(planned);
    spawnSupervisor(config).once('exit', () => {
      ended = true;
    });
  }
  const deadline = Date.now() + 20_000;
  while ((await connectSupervisor(stateDir).status()) === undefined) {
    if ((ended && !isSupervised(stateDir)) || Date.now() > deadline) {
      throw new Error(`The supervisor did not start:\n${lastLines(join(stateDir, 'logs', 'supervisor.log'), 8)}`);
    }
    await delay(50);
  }
}

function spawnSupervisor({ stateDir, workspace, inherited }: CliConfig): ChildProcess {
  mkdirSync(join(stateDir, 'logs'), { recursive: true, mode: 0o700 });
  const log = openSync(join(stateDir, 'logs', 'supervisor.log'), 'a', 0o600);
  const main = [process.execPath, join(import.meta.dirname, 'supervisor/main.ts'), stateDir];
  // flock replaces itself by Node, which then holds the lock for as long as it lives: never two supervisors.
  const child = spawn('flock', ['--no-fork', '--timeout', '3', join(stateDir, 'supervisor.lock'), ...main], {
    detached: true,
    stdio: ['ignore', log, log],
    cwd: workspace,
    env: inherited,
  });
  closeSync(log);
  child.unref();
  return child;
}

/** Waits until a process is well. @throws Error with its last log lines when it keeps failing */
export async function untilWell(config: CliConfig, name: string, deadline: number): Promise<ProcessStatus> {
  for (;;) {
    const status = (await connectSupervisor(config.stateDir).status())?.find((one) => one.name === name);
    if (status === undefined) throw new Error('The supervisor has ended. Start again: ./flotilla up');
    if (status.state === 'ready' || status.state === 'done') return status;
    if (status.state === 'failed' || Date.now() > deadline) {
      const log = join(config.stateDir, 'logs', `${name}.log`);
      const why =
        status.state === 'failed'
          ? `keeps failing: ${status.problem}`
          : `is still ${status.state}${status.problem === undefined ? '' : `: ${status.problem}`}`;
      throw new Error(`${name} ${why}. Its last lines (all: ./flotilla logs ${name}):\n${lastLines(log, 12)}`);
    }
    await delay(150);
  }
}

/** Ends the fleet, whatever state it is in. Harmless when it is down. Resolves when no process and no port is left. */
export async function stopFleet(config: CliConfig): Promise<'stopped' | 'was down'> {
  const { stateDir } = config;
  const client = connectSupervisor(stateDir);
  const answer = await client.status().catch(() => 'hangs' as const);
  const wasUp = answer !== undefined;
  if (wasUp && answer !== 'hangs') await client.stop().catch(() => undefined);
  const supervisor = readJson<ProcessIdentity>(join(stateDir, 'supervisor.json'));
  const patience = Date.now() + (answer === 'hangs' ? 0 : 5_000);
  while (supervisor !== undefined && isAlive(supervisor) && Date.now() < patience) await delay(30);
  if (supervisor !== undefined) await endProcess(supervisor);
  await clearRemains(stateDir);
  for (const { port } of allPorts(readFleetFile(stateDir))) {
    const deadline = Date.now() + 5_000;
    while (wasUp && !(await isFree(port)) && Date.now() < deadline) await delay(30);
  }
  return wasUp ? 'stopped' : 'was down';
}

async function endProcess(identity: ProcessIdentity): Promise<void> {
  signalProcess(identity, 'SIGKILL');
  const deadline = Date.now() + 5_000;
  while (isAlive(identity) && Date.now() < deadline) await delay(20);
}

/** Whether a supervisor holds the lock, be it only just starting. */
function isSupervised(stateDir: string): boolean {
  return spawnSync('flock', ['--nonblock', join(stateDir, 'supervisor.lock'), 'true'], { timeout: 5_000 }).status !== 0;
}

async function clearRemains(stateDir: string): Promise<void> {
  await endOrphans(readJson<Record<string, ProcessIdentity>>(join(stateDir, processesFile)) ?? {});
  rmSync(join(stateDir, 'supervisor.json'), { force: true });
}

async function refuseTakenPorts(planned: FleetFile): Promise<void> {
  const taken: string[] = [];
  for (const { process, port } of allPorts(planned)) {
    if (await isFree(port)) continue;
    const owner = portOwner(port);
    const by =
      owner === undefined ? 'a process of another user' : `process ${owner.pid}: ${owner.command.slice(0, 100)}`;
    taken.push(`Port ${port}, which ${process} needs, is taken by ${by}.`);
  }
  if (taken.length === 0) return;
  throw new Error(
    `${taken.join('\n')}\nEnd that process, or choose other ports: FLOTILLA_PORT_BASE=${planned.shape.portBase + 1000} ./flotilla up`,
  );
}

function allPorts(fleet: FleetFile | undefined): { process: string; port: number }[] {
  return (fleet?.processes ?? []).flatMap(({ name, ports }) =>
    Object.values(ports).map((port) => ({ process: name, port })),
  );
}

/** The end of a log, for an error message. */
export function lastLines(file: string, count: number): string {
  try {
    return readFileSync(file, 'utf8')
      .trimEnd()
      .split('\n')
      .slice(-count)
      .map((line) => `  ${line.slice(0, 300)}`)
      .join('\n');
  } catch {
    return '  (nothing was logged)';
  }
}
