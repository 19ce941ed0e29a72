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
  return {
    ...fleet,
    farSide: { modelUrl, targetUrl, pid: farSide.pid },
    async pids() {
      const processes = await fleet.processes();
      return Object.fromEntries(processes.flatMap(({ name, pid }) => (pid === undefined ? [] : [[name, pid]])));
    },
    settled: () => settled(fleet.databaseUrl),
    async stop() {
      await fleet.stop();
      await farSide.stop();
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
