import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import type { CliConfig } from '../config.ts';
import { stopFleet } from '../fleet-control.ts';

/** Ends the fleet and forgets its data, logs and secrets. What was downloaded stays. */
export async function reset(config: CliConfig, { yes }: { readonly yes: boolean }): Promise<void> {
  if (!yes && process.stdin.isTTY) {
    const terminal = createInterface({ input: process.stdin, output: process.stderr });
    const answer = await terminal.question(`Forget all data in ${config.stateDir}? [y/N] `);
    terminal.close();
    if (!/^y(es)?$/i.test(answer.trim())) throw new Error('Nothing was changed.');
  }
  await stopFleet(config);
  for (const entry of existsSync(config.stateDir) ? readdirSync(config.stateDir) : []) {
    // Test runs keep their own servers there, and may be under way.
    if (entry !== 'test') rmSync(join(config.stateDir, entry), { recursive: true, force: true });
  }
  process.stdout.write('The data is gone, the downloads stay. Start anew: ./flotilla up\n');
}
