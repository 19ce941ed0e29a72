import { spawn } from 'node:child_process';
import { join } from 'node:path';
import type { CliConfig } from '../config.ts';
import { buildBundles } from './up.ts';

/** Measures the fleet beside bare programs, on servers of its own. Resolves to the exit code. */
export function bench(config: CliConfig, argv: readonly string[]): Promise<number> {
  return runBeside(config, 'bench', argv);
}

/** Breaks a fleet of its own under work, and compares its stores afterwards. Resolves to the exit code. */
export function drill(config: CliConfig, argv: readonly string[]): Promise<number> {
  return runBeside(config, 'drill', argv);
}

/** Runs the program of a package that starts a fleet beside the one of this checkout. */
async function runBeside(config: CliConfig, name: 'bench' | 'drill', argv: readonly string[]): Promise<number> {
  process.stderr.write('building the bundles\n');
  await buildBundles(config);
  const script = join(config.workspace, name, 'src/main.ts');
  const child = spawn(process.execPath, ['--disable-warning=TimeoutNegativeWarning', script, ...argv], {
    stdio: 'inherit',
    env: {
      ...config.env,
      ...config.inherited,
      [`${name.toUpperCase()}_STATE_DIR`]: join(config.stateDir, name),
    },
  });
  // A signal at the keyboard reaches the child too, which then ends what it started.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal));
  return await new Promise((resolve) => child.once('close', (code) => resolve(code ?? 1)));
}
