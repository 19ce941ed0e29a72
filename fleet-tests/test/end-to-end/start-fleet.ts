import { join } from 'node:path';
import { type FleetSite, startOwnFleet } from '@flotilla/deploy';
import { loadConfig } from './config.ts';
import { modelPortOffset, testVariables } from './flotilla.ts';

/** A fleet that a test run has started. */
export interface StartedFleet {
  readonly site: FleetSite;
  /** Ends it. What its processes logged stays when asked for. */
  stop(keep: { readonly logs: boolean }): Promise<void>;
}

/** Starts a fleet on state and ports of its own. */
export async function startFleet(name: string, replicas: number): Promise<StartedFleet> {
  const { workspace, env } = loadConfig();
  const fleet = await startOwnFleet({
    workspace,
    stateDir: join(workspace, '.flotilla', 'test', `${name}-${process.pid}`),
    environment: env,
    replicas,
    furtherPorts: [modelPortOffset],
    overrides: ({ portBase }) => testVariables(portBase),
  });
  return { site: fleet.site, stop: ({ logs }) => fleet.stop({ state: logs }) };
}
