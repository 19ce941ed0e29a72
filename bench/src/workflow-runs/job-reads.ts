import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import type { Benchmark } from '../benchmark.ts';
import type { BenchFleet } from '../fleet/bench-fleet.ts';
import { openCallers, request } from '../fleet/rest.ts';
import { closedLoop } from '../measure/closed-loop.ts';
import { shown } from '../report.ts';
import { haveWorkflow } from './definition.ts';

const jobs = 10_000;
const seconds = 8;
const warmUpSeconds = 3;

export const jobReads: Benchmark = {
  name: 'job-reads',
  about: `reading background jobs and lists of them, in a tenant that has ${jobs.toLocaleString('en')}`,
  async run({ scale, fleet, say }) {
    const running = await fleet();
    say('job-reads: making jobs');
    const ids = await haveJobs(running);
    const rows: string[][] = [];
    const anyId = () => ids[Math.floor(Math.random() * ids.length)];
    const paths: readonly (readonly [string, () => string])[] = [
      ['one job', () => `/v1/jobs/${anyId()}`],
      ['a page of 50', () => '/v1/jobs?pageSize=50'],
      ['the failed ones, of which there are none', () => '/v1/jobs?status=JOB_STATUS_FAILED'],
    ];
    for (const concurrency of [1, 16]) {
      const callers = openCallers(running.url, concurrency, { authorization: `Bearer ${running.apiKey}` });
      try {
        for (const [name, path] of paths) {
          say(`job-reads: ${name}, ${concurrency} at once`);
          const ask = async (caller: number) => void (await callers.get(caller, path()));
          await closedLoop({ concurrency, seconds: warmUpSeconds * scale }, ask);
          const { perSecond, p50Ms, p99Ms, failures, failure } = await closedLoop(
            { concurrency, seconds: seconds * scale },
            ask,
          );
          if (failures > 0) throw new Error(`${failures} reads failed: ${failure}`);
          rows.push([`${name}, ${concurrency} at once`, shown(p50Ms), shown(p99Ms), shown(perSecond)]);
        }
      } finally {
        await callers.close();
      }
    }
    return {
      tables: [{ title: 'ms', columns: ['', 'p50', 'p99', 'reads/s'], rows }],
      notes: ['Through the gateway, with authentication and permission, on a fleet that does nothing else.'],
    };
  },
};

/** The ids of one run and of copies of its row: how a job is read depends on its row alone. */
async function haveJobs(running: BenchFleet): Promise<readonly string[]> {
  const workflowId = await haveWorkflow(running);
  const input = { url: running.farSide.targetUrl };
  const { id } = await request(running, 'POST', `/v1/workflows/${workflowId}:start`, { input });
  while ((await request(running, 'GET', `/v1/jobs/${String(id)}`))['status'] !== 'JOB_STATUS_COMPLETED') {
    await delay(50);
  }
  const client = new pg.Client({ connectionString: running.databaseUrl('workflow_db') });
  await client.connect();
  try {
    // Nothing follows from copies: neither captured changes nor grants that end.
    await client.query('set session_replication_role = replica');
    await client.query(
      `insert into workflow_instances
       select (jsonb_populate_record(i, jsonb_build_object('id', gen_random_uuid()))).*
       from workflow_instances i, generate_series(2, $2) where i.id = $1`,
      [id, jobs],
    );
    await client.query('analyze workflow_instances');
    const { rows } = await client.query<{ id: string }>(
      'select id from workflow_instances where workflow_id = $1 limit $2',
      [workflowId, jobs],
    );
    return rows.map((row) => row.id);
  } finally {
    await client.end();
  }
}
