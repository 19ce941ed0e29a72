import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { isFree, portOffsets, replicaOffset } from '@flotilla/deploy';
import { loadConfig } from './config.ts';
import { type FleetSite, flotilla, modelPortOffset } from './flotilla.ts';

/** A fleet that a test run has started. */
export interface StartedFleet {
  readonly site: FleetSite;
  /** Ends it. What its processes logged stays when asked for. */
  stop(keep: { readonly logs: boolean }): Promise<void>;
}

/** Starts a fleet on state and ports of its own. */
export async function startFleet(name: string, replicas: number): Promise<StartedFleet> {
  const site: FleetSite = {
    stateDir: join(loadConfig().workspace, '.flotilla', 'test', `${name}-${process.pid}`),
    portBase: await freePortBase(replicas),
    replicas,
  };
  mkdirSync(site.stateDir, { recursive: true, mode: 0o700 });
  const stop: StartedFleet['stop'] = async ({ logs }) => {
    await flotilla(site, 'down');
    if (!logs) rmSync(site.stateDir, { recursive: true, force: true });
  };
  try {
    await flotilla(site, 'up', '--replicas', String(replicas));
  } catch (problem) {
    await stop({ logs: true }).catch(() => undefined);
    throw problem;
  }
  return { site, stop };
}

/** A base from which every port of the fleet is free, below those that the kernel gives to outgoing connections. */
async function freePortBase(replicas: number): Promise<number> {
  const offsets = Object.values(portOffsets).flatMap((ports) => Object.values(ports));
  const wanted = Array.from({ length: replicas }, (_, index) => replicaOffset(index + 1)).flatMap((up) =>
    offsets.map((offset) => offset + up),
  );
  for (let attempt = 0; attempt < 50; attempt += 1) {
    const base = 15_000 + 100 * Math.floor(Math.random() * 160);
    const free = await Promise.all([...wanted, modelPortOffset].map((offset) => isFree(base + offset)));
    if (free.every(Boolean)) return base;
  }
  throw new Error('No range of free ports between 15000 and 31000 on 127.0.0.1.');
}
