import { resolve } from 'node:path';
import { parseEnvironment } from '@flotilla/config';

/** What `./flotilla drill` tells the drills. */
export interface DrillConfig {
  readonly workspace: string;
  /** Everything that a drill keeps: a fleet, and the copy of the sources that a mutant is put into. */
  readonly stateDir: string;
  /** For the command line, which starts the fleet. */
  readonly environment: NodeJS.ProcessEnv;
}

export function readDrillConfig(): DrillConfig {
  const workspace = resolve(import.meta.dirname, '../..');
  return parseEnvironment(process.env, (read) => ({
    workspace,
    stateDir: read.text('DRILL_STATE_DIR', {
      description: 'Where the fleets of drills keep their state.',
      default: resolve(workspace, '.flotilla/drill'),
    }),
    environment: process.env,
  }));
}
