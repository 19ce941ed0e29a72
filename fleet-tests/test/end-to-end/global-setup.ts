import type { FleetSite } from '@flotilla/deploy';
import type { TestProject } from 'vitest/node';
import { loadConfig } from './config.ts';
import { startFleet } from './start-fleet.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    fleetSite: FleetSite;
  }
}

/** Starts the one fleet that all end-to-end tests share, and ends it after the last one. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { existing, replicas } = loadConfig();
  if (existing !== undefined) {
    project.provide('fleetSite', { ...existing, replicas });
    return async () => undefined;
  }
  const { site, stop } = await startFleet('fleet', replicas);
  project.provide('fleetSite', site);
  // Whoever looks for the reason of a failure wants to read what the processes said.
  return () => stop({ logs: project.vitest.state.getCountOfFailedTests() > 0 });
}
