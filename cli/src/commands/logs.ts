import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { CliConfig } from '../config.ts';

/** Shows the end of one log or of all, and what follows. Resolves to the exit code. */
export async function logs(
  config: CliConfig,
  processes: readonly string[],
  { follow, lines }: { readonly follow: boolean; readonly lines: string },
): Promise<number> {
  const folder = join(config.stateDir, 'logs');
  const known = existsSync(folder)
    ? readdirSync(folder)
        .filter((name) => name.endsWith('.log'))
        .map((name) => name.slice(0, -4))
    : [];
  const unknown = processes.filter((name) => !known.includes(name));
  if (unknown.length > 0)
    throw new Error(`There is no log of ${unknown.join(', ')}. There are: ${known.join(', ') || 'none yet'}.`);
  const files = (processes.length > 0 ? processes : known).map((name) => join(folder, `${name}.log`));
  if (files.length === 0) throw new Error('Nothing has been logged yet. Start the fleet: ./flotilla up');
  const child = spawn('tail', ['-n', lines, ...(follow ? ['-F'] : []), ...files], { stdio: 'inherit' });
  return await new Promise((resolve) => child.once('close', (code) => resolve(code ?? 0)));
}
