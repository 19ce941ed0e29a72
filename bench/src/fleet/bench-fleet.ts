import { spawn } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { isFree, openSecrets, portOffsets } from '@flotilla/deploy';
import pg from 'pg';
import { startChild } from '../child.ts';
import type { BenchConfig } from '../config.ts';
import type { FarSideCalls } from './far-side.ts';

/** A fleet for measuring, started by the same command as any other, on state and ports of its own. */
export interface BenchFleet {
  readonly url: string;
  readonly apiKey: string;
  /** URL of a superuser for one of the databases of its Postgres server. */
  databaseUrl(database: string): string;
  readonly temporalAddress: string;
  /** The scripted provider and HTTP target that its services call, in one process. */
  readonly farSide: { readonly modelUrl: string; readonly targetUrl: string; readonly pid: number };
  /** By process name, backing servers included. */
  pids(): Promise<Record<string, number>>;
  /** Waits until nothing is left in any outbox and the audit service has everything. */
  settled(): Promise<void>;
  command(...argv: readonly string[]): Promise<string>;
  stop(): Promise<void>;
}

const settleTimeoutMs = 60_000;

/** Starts the fleet, and beside it the far side of what it calls. */
export async function startBenchFleet(config: BenchConfig, say: (line: string) => void): Promise<BenchFleet> {
  const stateDir = join(config.stateDir, 'fleet');
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  const portBase = await freePortBase();
  const farSide = startChild<FarSideCalls>(new URL('far-side.ts', import.meta.url), config.environment);
  const { modelUrl, targetUrl } = await farSide.call('start');
  const env = {
    ...config.environment,
    FLOTILLA_STATE_DIR: stateDir,
    FLOTILLA_PORT_BASE: String(portBase),
    LLM_AGENT_OPENAI_COMPATIBLE_URL: modelUrl,
    WORKFLOW_HTTP_ALLOWED_HOSTS: new URL(targetUrl).host,
  };
  const command = (...argv: readonly string[]) => flotilla(config.workspace, env, argv);
  const at = (offset: number) => `127.0.0.1:${portBase + offset}`;
  say(`starting a fleet at port ${portBase}`);
  try {
    await command('up');
  } catch (problem) {
    await command('down').catch(() => undefined);
    await farSide.stop();
    throw problem;
  }
  const secrets = openSecrets(join(stateDir, 'secrets.json'));
  const databaseUrl = (database: string) =>
    `postgres://postgres:${secrets.text('postgres')}@${at(portOffsets.postgres.sql)}/${database}`;
  return {
    url: `http://${at(portOffsets.gateway.http)}`,
    apiKey: secrets.text('bootstrap/api-key', 'flk_'),
    databaseUrl,
    temporalAddress: at(portOffsets.temporal.grpc),
    farSide: { modelUrl, targetUrl, pid: farSide.pid },
    async pids() {
      const { processes } = JSON.parse(await command('status', '--json')) as {
        processes: { name: string; pid?: number }[];
      };
      return Object.fromEntries(processes.flatMap(({ name, pid }) => (pid === undefined ? [] : [[name, pid]])));
    },
    settled: () => settled(databaseUrl),
    command,
    async stop() {
      await command('down');
      await farSide.stop();
      // The next one begins with empty tables again.
      rmSync(stateDir, { recursive: true, force: true });
    },
  };
}

/** Outboxes are empty, and the number of audit events has stopped growing. */
async function settled(databaseUrl: (database: string) => string): Promise<void> {
  const databases = ['identity_db', 'llm_agent_db', 'workflow_db', 'validation_db', 'notification_db'];
  const deadline = Date.now() + settleTimeoutMs;
  const waiting = async () =>
    (await Promise.all(databases.map((name) => count(databaseUrl(name), 'outbox')))).reduce(
      (sum, rows) => sum + rows,
      0,
    );
  while ((await waiting()) > 0 && Date.now() < deadline) await delay(100);
  for (let before = -1; Date.now() < deadline; await delay(300)) {
    const now = await count(databaseUrl('audit_db'), 'inbox');
    if (now === before) return;
    before = now;
  }
}

async function count(url: string, table: string): Promise<number> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000, query_timeout: 10_000 });
  await client.connect();
  try {
    const { rows } = await client.query<{ count: string }>(`select count(*) from ${table}`);
    return Number(rows[0]?.count);
  } finally {
    await client.end();
  }
}

/** The one command's program, with the Node that runs this. Resolves to what it printed. */
async function flotilla(workspace: string, env: NodeJS.ProcessEnv, argv: readonly string[]): Promise<string> {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', 'cli/src/main.ts', ...argv], {
    cwd: workspace,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const printed = { out: '', problems: '' };
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    printed.out += chunk;
  });
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    printed.problems += chunk;
  });
  const code = await new Promise<number>((resolve) => child.once('close', (ended) => resolve(ended ?? 1)));
  // `status` exits with 1 where something is not well, and says what.
  if (code !== 0 && argv[0] !== 'status')
    throw new Error(`flotilla ${argv.join(' ')}:\n${printed.problems}${printed.out}`);
  return printed.out;
}

async function freePortBase(): Promise<number> {
  const offsets = Object.values(portOffsets).flatMap((ports): number[] => Object.values(ports));
  for (let base = 18_400; base < 30_000; base += 500) {
    const free = await Promise.all(offsets.map((offset) => isFree(base + offset)));
    if (free.every((one) => one)) return base;
  }
  throw new Error('No room for the ports of a fleet between 18400 and 30000 on 127.0.0.1.');
}
