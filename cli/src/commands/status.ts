import type { CliConfig } from '../config.ts';
import { connectSupervisor } from '../supervisor/client.ts';
import type { MeasuredStatus } from '../supervisor/supervisor.ts';

/** Shows every process. Resolves to the exit code: 0 when all is well. */
export async function status(config: CliConfig, { json }: { readonly json: boolean }): Promise<number> {
  const statuses = await connectSupervisor(config.stateDir).measured();
  if (json) {
    process.stdout.write(
      `${JSON.stringify({ running: statuses !== undefined, processes: statuses ?? [] }, null, 2)}\n`,
    );
  } else if (statuses === undefined) {
    process.stdout.write('The fleet is down. Start it: ./flotilla up\n');
  } else {
    process.stdout.write(table(statuses));
  }
  return statuses?.every(({ state }) => state === 'ready' || state === 'done') === true ? 0 : 1;
}

function table(statuses: readonly MeasuredStatus[]): string {
  const rows = statuses.map((one) => [
    one.name,
    one.state,
    Object.values(one.ports)[0]?.toString() ?? '',
    one.pid?.toString() ?? '',
    one.memory === undefined ? '' : `${Math.round(one.memory / 1024 / 1024)} MB`,
    String(one.restarts),
    one.uptimeMs === undefined ? '' : duration(one.uptimeMs),
    one.problem ?? one.about,
  ]);
  const all = [['process', 'state', 'port', 'pid', 'memory', 'restarts', 'up for', ''], ...rows];
  const widths = all[0]?.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0))) ?? [];
  const lines = all.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  const total = statuses.reduce((sum, { memory }) => sum + (memory ?? 0), 0);
  return `${lines.join('\n')}\n${statuses.length} processes, ${Math.round(total / 1024 / 1024)} MB\n`;
}

/** 83,000 ms → `1m 23s`. */
export function duration(ms: number): string {
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m ${seconds % 60}s`;
  return `${Math.floor(seconds / 3600)}h ${Math.floor((seconds % 3600) / 60)}m`;
}
