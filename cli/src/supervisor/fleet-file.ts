import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { FleetProcess, FleetShape } from '@flotilla/deploy';
import type { LaunchSite } from './launch.ts';

/** All that a supervisor needs to know. Holds secrets: readable by its owner only. */
export interface FleetFile {
  readonly shape: FleetShape;
  readonly site: LaunchSite;
  readonly processes: readonly FleetProcess[];
}

export function fleetFilePath(stateDir: string): string {
  return join(stateDir, 'fleet.json');
}

export function writeFleetFile(fleet: FleetFile): void {
  const path = fleetFilePath(fleet.site.stateDir);
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  writeFileSync(`${path}.new`, JSON.stringify(fleet), { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

/** Undefined when no fleet was ever started here. */
export function readFleetFile(stateDir: string): FleetFile | undefined {
  return readJson<FleetFile>(fleetFilePath(stateDir));
}

/** Undefined when the file is missing or was not written to its end. */
export function readJson<T>(path: string): T | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as T;
  } catch {
    return undefined;
  }
}

/** Where the supervisor listens. The kernel allows a socket's path some hundred bytes only. */
export function socketPath(stateDir: string): string {
  const near = join(stateDir, 'supervisor.sock');
  if (Buffer.byteLength(near) < 100) return near;
  return join(tmpdir(), `flotilla-${createHash('sha256').update(stateDir).digest('hex').slice(0, 16)}.sock`);
}
