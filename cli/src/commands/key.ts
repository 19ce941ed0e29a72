import { join } from 'node:path';
import { openSecrets } from '@flotilla/deploy';
import type { CliConfig } from '../config.ts';

/** The API key of the first administrator of this checkout's fleet. */
export function administratorKey(config: CliConfig): string {
  return openSecrets(join(config.stateDir, 'secrets.json')).text('bootstrap/api-key', 'flk_');
}
