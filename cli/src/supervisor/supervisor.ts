import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FleetProcess } from '@flotilla/deploy';
import { identify, isAlive, memoryOf, type ProcessIdentity, signalProcess } from '../process-table.ts';
import { type LaunchSite, launch } from './launch.ts';
import { openLogFile } from './log-file.ts';
import { type ProcessStatus, type TendedProcess, tend } from './tended-process.ts';

/** A process with what it costs now. */
export interface MeasuredStatus extends ProcessStatus {
  /** Bytes, shared pages counted once. */
  readonly memory?: number;
}

/** Runs every process of a fleet, in the order of their needs, and keeps them running. */
export interface Supervisor {
  /** What is known without asking; `measured` asks every process for its health and counts its memory. */
  status(): readonly ProcessStatus[];
  measured(): Promise<readonly MeasuredStatus[]>;
  /** @throws Error when the fleet has no such process */
  named(name: string): TendedProcess;
  /** Ends everything: first what serves, then what it stands on. */
  stop(): Promise<void>;
}

/** Name of the file that lists the running processes, for the next supervisor should this one be killed. */
export const processesFile = 'processes.json';

export function superviseFleet(processes: readonly FleetProcess[], site: LaunchSite): Supervisor {
  const logs = join(site.stateDir, 'logs');
  mkdirSync(logs, { recursive: true, mode: 0o700 });
  const own = openLogFile(join(logs, 'supervisor.log'));
  const say = (line: string) => own.write(`${new Date().toISOString()} ${line}\n`);
  const pids = new Map<string, ProcessIdentity>();
  const record = (name: string, pid: number | undefined) => {
    const identity = pid === undefined ? undefined : identify(pid);
    if (identity === undefined) pids.delete(name);
    else pids.set(name, identity);
    const file = join(site.stateDir, processesFile);
    writeFileSync(`${file}.new`, JSON.stringify(Object.fromEntries(pids)), { mode: 0o600 });
    renameSync(`${file}.new`, file);
  };

  const tended = new Map<string, TendedProcess>();
  const everyoneKnown = Promise.withResolvers<void>();
  for (const described of processes) {
    const { name } = described;
    const log = openLogFile(join(logs, `${name}.log`));
    const needs = everyoneKnown.promise.then(() =>
      Promise.all(described.after.flatMap((other) => tended.get(other)?.wellOnce ?? [])),
    );
    tended.set(
      name,
      tend(described, {
        needs,
        say,
        onPid: (pid) => record(name, pid),
        start: (signal) => launch(described, site, (chunk) => log.write(chunk), signal),
      }),
    );
  }
  everyoneKnown.resolve();
  say(`supervising ${processes.length} processes`);

  const stopAll = async (kinds: readonly FleetProcess['kind'][]) => {
    const chosen = [...tended.values()].filter(({ described }) => kinds.includes(described.kind));
    await Promise.all(chosen.map((one) => one.stop()));
  };
  const status = () => [...tended.values()].map((one) => one.status());
  return {
    status,
    async measured() {
      await Promise.all([...tended.values()].map((one) => one.look()));
      const statuses = status();
      const memory = memoryOf(statuses.flatMap(({ pid }) => pid ?? []));
      return statuses.map((one) => (one.pid === undefined ? one : { ...one, memory: memory.get(one.pid) ?? 0 }));
    },
    named(name) {
      const found = tended.get(name);
      if (found === undefined)
        throw new Error(`no process is named ${name}; there are: ${[...tended.keys()].join(', ')}`);
      return found;
    },
    async stop() {
      say('stopping');
      await stopAll(['service', 'task']);
      await stopAll(['backing']);
      say('stopped');
    },
  };
}

/** Ends what a killed supervisor may have left. Usually nothing: the kernel ends its children with it. */
export async function endOrphans(recorded: Readonly<Record<string, ProcessIdentity>>): Promise<string[]> {
  const orphans = Object.entries(recorded).filter(([, identity]) => isAlive(identity));
  for (const [, identity] of orphans) signalProcess(identity, 'SIGKILL');
  const deadline = Date.now() + 10_000;
  while (orphans.some(([, identity]) => isAlive(identity)) && Date.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return orphans.map(([name]) => name);
}
