import { resolve } from 'node:path';

/** How the fleet of the end-to-end tests is started. */
export interface EndToEndConfig {
  readonly workspace: string;
  /** A fleet to use, and to leave running: for working on tests. None means one is started for them. */
  readonly existing: { readonly stateDir: string; readonly portBase: number } | undefined;
  /** Of each service, in the fleet that is started. */
  readonly replicas: number;
  readonly env: NodeJS.ProcessEnv;
}

export function loadConfig(): EndToEndConfig {
  const stateDir = process.env['FLOTILLA_TEST_FLEET_DIR'];
  return {
    workspace: resolve(import.meta.dirname, '../../..'),
    existing:
      stateDir === undefined
        ? undefined
        : { stateDir: resolve(stateDir), portBase: Number(process.env['FLOTILLA_TEST_FLEET_PORT_BASE']) },
    replicas: Number(process.env['FLOTILLA_TEST_REPLICAS'] ?? 1),
    env: process.env,
  };
}
