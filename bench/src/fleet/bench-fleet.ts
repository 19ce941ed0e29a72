import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type OwnFleet, startOwnFleet } from '@flotilla/deploy';
import pg from 'pg';
import { startChild } from '../child.ts';
import type { BenchConfig } from '../config.ts';
import type { FarSideCalls } from './far-side.ts';

/** A fleet for measuring. */
export interface BenchFleet extends OwnFleet {
  /** The scripted provider and HTTP target that its services call, in one process. */
  readonly farSide: { readonly modelUrl: string; readonly targetUrl: string; readonly pid: number };
  /** By process name, backing servers included. */
  pids(): Promise<Record<string, number>>;
  /** Waits until nothing is left in any outbox and the audit service has everything. */
  settled(): Promise<void>;
}

const settleTimeoutMs = 60_000;

/** Starts the fleet, and beside it the far side of what it calls. */
export async function startBenchFleet(config: BenchConfig, say: (line: string) => void): Promise<BenchFleet> {
  const farSide = startChild<FarSideCalls>(new URL('far-side.ts', import.meta.url), config.environment);
  const { modelUrl, targetUrl } = await farSide.call('start');
  say('starting a fleet');
  const fleet = await startOwnFleet({
    workspace: config.workspace,
    // The next one begins with empty tables again.
    stateDir: join(config.stateDir, 'fleet'),
    environment: {
      ...config.environment,
      LLM_AGENT_OPENAI_COMPATIBLE_URL: modelUrl,
      WORKFLOW_HTTP_ALLOWED_HOSTS: new URL(targetUrl).host,
    },
  }).catch(async (problem: unknown) => {
    await farSide.stop();
    throw problem;
  });
  const watched = watchDatabases(fleet.databaseUrl);
  return {
    ...fleet,
    farSide: { modelUrl, targetUrl, pid: farSide.pid },
    async pids() {
      const processes = await fleet.processes();
      return Object.fromEntries(processes.flatMap(({ name, pid }) => (pid === undefined ? [] : [[name, pid]])));
    },
    settled: () => settled(watched.count),
    async stop() {
      await watched.close();
      await fleet.stop();
      await farSide.stop();
    },
  };
}

/** Outboxes are empty, and the number of audit events has stopped growing. */
async function settled(count: (database: string, table: string) => Promise<number>): Promise<void> {
  const databases = ['identity_db', 'llm_agent_db', 'workflow_db', 'validation_db', 'notification_db'];
  const deadline = Date.now() + settleTimeoutMs;
  const waiting = async () =>
    (await Promise.all(databases.map((name) => count(name, 'outbox')))).reduce((sum, rows) => sum + rows, 0);
  while ((await waiting()) > 0 && Date.now() < deadline) await delay(100);
  for (let before = -1; Date.now() < deadline; await delay(300)) {
    const now = await count('audit_db', 'inbox');
    if (now === before) return;
    before = now;
  }
}

/** One connection to each database for the whole benchmark: opening them costs the server more than what is measured. */
function watchDatabases(databaseUrl: (database: string) => string) {
  const clients = new Map<string, Promise<pg.Client>>();
  const connect = async (database: string): Promise<pg.Client> => {
    const connectionString = databaseUrl(database);
    const client = new pg.Client({ connectionString, connectionTimeoutMillis: 5_000, query_timeout: 10_000 });
    // Other benchmarks end the server under it: then the next question opens another.
    client.on('error', () => clients.delete(database));
    await client.connect();
    return client;
  };
  return {
    async count(database: string, table: string): Promise<number> {
      const connecting = clients.get(database) ?? connect(database);
      clients.set(database, connecting);
      try {
        const { rows } = await (await connecting).query<{ count: string }>(`select count(*) from ${table}`);
        return Number(rows[0]?.count);
      } catch (error) {
        clients.delete(database);
        throw error;
      }
    },
    async close(): Promise<void> {
      await Promise.allSettled([...clients.values()].map(async (connecting) => (await connecting).end()));
    },
  };
}
