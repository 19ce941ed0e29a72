import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { portOffsets, replicaOffset } from '../../fleet.ts';
import { isFree } from '../../native/ports.ts';
import { loadConfig } from './config.ts';
import { type FleetSite, flotilla, modelPortOffset } from './flotilla.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    fleetSite: FleetSite;
  }
}

/** Starts the one fleet that all end-to-end tests share, on state and ports of its own, and ends it after the last one. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { workspace, existing, replicas } = loadConfig();
  const site: FleetSite = {
    ...(existing ?? {
      stateDir: join(workspace, '.flotilla', 'test', `fleet-${process.pid}`),
      portBase: await freePortBase(replicas),
    }),
    replicas,
  };
  project.provide('fleetSite', site);
  if (existing !== undefined) return async () => undefined;
  mkdirSync(site.stateDir, { recursive: true, mode: 0o700 });
  const end = async () => {
    await flotilla(site, 'down');
    // What the processes logged is kept for whoever looks for the reason of a failure.
    if (project.vitest.state.getCountOfFailedTests() === 0) rmSync(site.stateDir, { recursive: true, force: true });
  };
  try {
    await flotilla(site, 'up', '--replicas', String(replicas));
  } catch (problem) {
    await end().catch(() => undefined);
    throw problem;
  }
  return end;
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
