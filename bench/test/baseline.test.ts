import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { testPostgresUrl } from '@flotilla/testing';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type BenchDatabase, makeBareDatabase } from '../src/baseline/database.ts';
import { findAgent, finishExecution, insertAgent, startExecution } from '../src/baseline/statements.ts';

let database: BenchDatabase;
let pool: pg.Pool;
beforeAll(async () => {
  const workspace = join(import.meta.dirname, '../..');
  database = await makeBareDatabase(testPostgresUrl(), `bare-${randomUUID().slice(0, 8)}`, workspace);
  pool = new pg.Pool({ connectionString: database.superuserUrl });
});
afterAll(() => pool?.end());

test('the bare program writes what an execution of the service writes', async () => {
  const tenantId = randomUUID();
  const agentId = await insertAgent(database, tenantId);
  const asked = { prompt: 'Is all well?', userId: randomUUID() };
  const started = await startExecution(pool, await findAgent(pool, agentId, tenantId), asked);
  await finishExecution(pool, started, { text: 'Yes.', promptTokens: 4, completionTokens: 2 });
  const one = async (table: string) =>
    (await pool.query(`select * from ${table} where execution_id = $1`, [started.id])).rows;
  expect((await pool.query('select * from executions where id = $1', [started.id])).rows).toMatchObject([
    {
      status: 'completed',
      response: 'Yes.',
      content_hash: expect.stringMatching(/^.{64}$/),
      event_seq: '2',
      last_cursor: '3',
    },
  ]);
  expect(await one('provider_attempts')).toMatchObject([
    { status: 'succeeded', agent_id: agentId, user_id: started.createdBy, prompt_tokens: 4, completion_tokens: 2 },
  ]);
  expect(await one('execution_updates')).toMatchObject([
    { kind: 'started' },
    { kind: 'text', text: 'Yes.' },
    { kind: 'finished' },
  ]);
  expect((await pool.query('select spent_tokens, reserved_tokens from budget_periods')).rows).toEqual([
    { spent_tokens: '6', reserved_tokens: '0' },
  ]);
  expect(
    (await pool.query('select action, actor_id from audit_events where resource_id = $1 order by id', [started.id]))
      .rows,
  ).toEqual([
    { action: 'flotilla.agent.v1.ExecutionStarted', actor_id: asked.userId },
    { action: 'flotilla.agent.v1.ExecutionFinished', actor_id: asked.userId },
  ]);
  expect(
    (await pool.query('select event_seq from outbox where aggregate_id = $1 order by seq', [started.id])).rows,
  ).toEqual([{ event_seq: '1' }, { event_seq: '2' }]);
});
