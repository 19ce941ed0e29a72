import type { CliConfig } from '../config.ts';
import { connectSupervisor } from '../supervisor/client.ts';
import type { Order } from '../supervisor/control.ts';

/** Gives the supervisor an order about one process: for fault drills and the demo. */
export async function order(config: CliConfig, what: Order, name: string, signal?: NodeJS.Signals): Promise<void> {
  const client = connectSupervisor(config.stateDir);
  if ((await client.status()) === undefined) throw new Error('The fleet is down. Start it: ./flotilla up');
  const { state } = await client.order(what, name, signal);
  process.stdout.write(`${name}: ${what}, now ${state}\n`);
}
