// node cli/src/supervisor/main.ts <state folder>
// Runs the fleet that <state folder>/fleet.json describes. Started under a lock, so there is one for each folder.
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { identify, type ProcessIdentity } from '../process-table.ts';
import { listenForOrders } from './control.ts';
import { readFleetFile, readJson, socketPath } from './fleet-file.ts';
import { endOrphans, processesFile, superviseFleet } from './supervisor.ts';

const stateDir = process.argv[2];
const fleet = stateDir === undefined ? undefined : readFleetFile(stateDir);
if (stateDir === undefined || fleet === undefined) throw new Error('usage: main.ts <folder with fleet.json>');

await endOrphans(readJson<Record<string, ProcessIdentity>>(join(stateDir, processesFile)) ?? {});
const supervisor = superviseFleet(fleet.processes, fleet.site);
const socket = socketPath(stateDir);

let stopped: Promise<void> | undefined;
const stop = () => {
  stopped ??= supervisor.stop();
  return stopped;
};
const finish = () => {
  rmSync(socket, { force: true });
  rmSync(join(stateDir, processesFile), { force: true });
  process.exit(0);
};
const orders = await listenForOrders(socket, supervisor, stop);
// Whoever asked for the end gets the answer first.
orders.on('request', (_request, response) => response.once('close', () => stopped?.then(finish)));
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => void stop().then(finish));
writeFileSync(join(stateDir, 'supervisor.json'), JSON.stringify(identify(process.pid)), { mode: 0o600 });
