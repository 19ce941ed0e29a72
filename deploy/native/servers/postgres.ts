import { existsSync } from 'node:fs';
import { chmod, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { exchange } from '../exchange.ts';
import type { RunOnce, ServerDefinition, ServerPlace } from '../server-definition.ts';

const bin = '/usr/lib/postgresql/17/bin';

/** Sized for a machine of two cores. Durability is as in production: a killed server loses nothing it confirmed. */
export const postgresSettings: Readonly<Record<string, string>> = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  shared_preload_libraries: 'timescaledb',
  max_connections: '300',
  max_worker_processes: '24',
  max_locks_per_transaction: '256',
  shared_buffers: '128MB',
  max_wal_size: '1GB',
  wal_compression: 'on',
  random_page_cost: '1.1',
  jit: 'off',
  password_encryption: 'scram-sha-256',
  log_statement: 'ddl',
  log_line_prefix: '%m [%p] %q%u@%d ',
  log_timezone: 'UTC',
  timezone: 'UTC',
};

export const postgres: ServerDefinition = {
  kind: 'postgres',
  stopSignal: 'SIGINT',
  url: ({ port, password }) => `postgres://postgres:${password}@127.0.0.1:${port}/postgres`,

  async prepare({ stateDir, password }: ServerPlace, run: RunOnce) {
    if (existsSync(join(stateDir, 'data'))) return;
    await rm(join(stateDir, 'data.new'), { recursive: true, force: true });
    await mkdir(join(stateDir, 'data.new'), { mode: 0o700 });
    await writeFile(join(stateDir, 'password.new'), password, { mode: 0o600 });
    await run([
      `${bin}/initdb`,
      '--pgdata=/state/data.new',
      '--username=postgres',
      '--pwfile=/state/password.new',
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      '--locale-provider=builtin',
      '--builtin-locale=C.UTF-8',
      '--locale=C.UTF-8',
      '--data-checksums',
    ]);
    await rm(join(stateDir, 'password.new'));
    await chmod(join(stateDir, 'data.new'), 0o700);
    // A half-made cluster is never started.
    await rename(join(stateDir, 'data.new'), join(stateDir, 'data'));
  },

  argv: (place) => [
    `${bin}/postgres`,
    '-D',
    '/state/data',
    ...Object.entries({ ...postgresSettings, port: String(place.port), ...place.settings }).flatMap(([name, value]) => [
      '-c',
      `${name}=${value}`,
    ]),
  ],

  /** While it recovers the server answers a start-up message with an error; when it is well it asks for the password. */
  async isReady({ port }) {
    const reply = await exchange(port, startupMessage('postgres'));
    return String.fromCharCode(reply[0] ?? 0) === 'R';
  },
};

function startupMessage(user: string): Buffer {
  const body = Buffer.from(`\0\x03\0\0user\0${user}\0database\0postgres\0\0`, 'latin1');
  const length = Buffer.alloc(4);
  length.writeInt32BE(body.length + 4);
  return Buffer.concat([length, body]);
}
