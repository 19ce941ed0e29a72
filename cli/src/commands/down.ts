import type { CliConfig } from '../config.ts';
import { stopFleet } from '../fleet-control.ts';

/** Ends every process of the fleet; its data stays. */
export async function down(config: CliConfig): Promise<void> {
  const how = await stopFleet(config);
  process.stdout.write(
    how === 'stopped' ? 'The fleet is down. Its data stays: ./flotilla up\n' : 'The fleet was not running.\n',
  );
}
