import { join, resolve } from 'node:path';

/** Where sources are copied from and to, and what the tests of the copy are run with. */
export interface MutantsConfig {
  readonly workspace: string;
  /** Ignored by git, removed at the end. */
  readonly copy: string;
  readonly env: NodeJS.ProcessEnv;
}

export function loadConfig(): MutantsConfig {
  const workspace = resolve(import.meta.dirname, '../../..');
  // What this run of vitest told its own workers is not for the one inside.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('VITEST')));
  return { workspace, copy: join(workspace, '.flotilla/test', `mutants-${process.pid}`), env };
}
