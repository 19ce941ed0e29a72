import { existsSync, readdirSync, watch } from 'node:fs';
import { join } from 'node:path';
import type { CliConfig } from '../config.ts';
import { rememberedWish } from '../plan.ts';
import { connectSupervisor } from '../supervisor/client.ts';
import { up } from './up.ts';

/** Runs the services from their sources and starts again those whose sources change, until interrupted; then the fleet goes on. */
export async function dev(config: CliConfig): Promise<void> {
  const fleet = await up(config, { ...rememberedWish(config), fromSources: true });
  const client = connectSupervisor(config.stateDir);
  const changed = new Set<string>();
  let timer: NodeJS.Timeout | undefined;
  const restart = async () => {
    const names = [...changed];
    changed.clear();
    process.stdout.write(`changed: ${names.join(', ')}; starting again\n`);
    const told = await Promise.allSettled(names.map((name) => client.order('restart', name)));
    for (const one of told) if (one.status === 'rejected') process.stdout.write(`${one.reason}\n`);
  };
  const note = (names: readonly string[]) => {
    for (const name of names) changed.add(name);
    clearTimeout(timer);
    timer = setTimeout(() => void restart(), 300);
  };
  const services = fleet.processes.filter((one) => one.kind === 'service');
  for (const { name, program } of services) {
    const folder = join(config.workspace, program.kind === 'service' ? program.folder : 'demo', 'src');
    watch(folder, { recursive: true }, () => note([name]));
  }
  for (const lib of readdirSync(join(config.workspace, 'libs'))) {
    const folder = join(config.workspace, 'libs', lib, 'src');
    if (existsSync(folder)) watch(folder, { recursive: true }, () => note(services.map(({ name }) => name)));
  }
  process.stdout.write('Watching the sources. Ctrl-C ends the watch; ./flotilla down ends the fleet.\n');
  await new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
  });
}
