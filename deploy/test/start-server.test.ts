import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isFree, type ServerKind, startServer } from '../index.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'flotilla-servers-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  client.on('error', () => undefined);
  await client.connect();
  const { rows } = await client.query(sql);
  await client.end();
  return rows;
}

/** A process that has ended stays in the table until its parent collects it; as the first process of a container, Node never does. */
function isRunning(pid: number): boolean {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

describe.each(['postgres', 'kafka', 'valkey', 'temporal'] satisfies ServerKind[])('%s', (kind) => {
  test('answers on its port, comes back there after SIGKILL, and leaves nothing when stopped', async () => {
    const server = await startServer(kind, { stateDir: join(folder, `${kind}-life`) });
    const killed = server.pid;
    await server.kill('SIGKILL');
    expect(isRunning(killed)).toBe(false);
    expect(await isFree(server.port)).toBe(true);

    await server.restart();
    expect(await server.isReady()).toBe(true);
    expect(server.pid).not.toBe(killed);

    await server.stop();
    expect(isRunning(server.pid)).toBe(false);
    expect(await isFree(server.port)).toBe(true);
  });
});

test('what Postgres confirmed survives its SIGKILL', async () => {
  const server = await startServer('postgres', { stateDir: join(folder, 'postgres-durable') });
  await query(server.url, 'create table kept (n integer)');
  await query(server.url, 'insert into kept select generate_series(1, 1000)');
  await server.kill('SIGKILL');
  await server.restart();
  expect(await query(server.url, 'select count(*)::int as n from kept')).toEqual([{ n: 1000 }]);
  await server.stop();
});

test('Postgres asks for a password and has the extensions that the services need', async () => {
  const server = await startServer('postgres', { stateDir: join(folder, 'postgres-secured') });
  const without = new URL(server.url);
  without.password = 'wrong';
  await expect(query(without.href, 'select 1')).rejects.toThrow(/password authentication failed/);
  const sql = "select name from pg_available_extensions where name in ('timescaledb', 'vector') order by name";
  expect(await query(server.url, sql)).toEqual([{ name: 'timescaledb' }, { name: 'vector' }]);
  await server.stop();
});

test('a server dies with the process that started it, even when that is killed', async () => {
  const program = `
    import { startServer } from '${join(import.meta.dirname, '../index.ts')}';
    const server = await startServer('valkey', { stateDir: '${join(folder, 'valkey-orphan')}' });
    process.stdout.write(String(server.pid) + '\\n');
    setInterval(() => {}, 1000);`;
  const parent = spawn(process.execPath, ['--input-type=module-typescript', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(parent.stdout, 'data')) as [Buffer];
  const pid = Number(line.toString());
  expect(isRunning(pid)).toBe(true);
  parent.kill('SIGKILL');
  await expect.poll(() => isRunning(pid), { timeout: 30_000 }).toBe(false);
});

test('a server that cannot start says why', async () => {
  const starting = startServer('postgres', {
    stateDir: join(folder, 'postgres-wrong'),
    settings: { max_connections: 'many' },
  });
  await expect(starting).rejects.toThrow(/invalid value for parameter "max_connections"/);
});
