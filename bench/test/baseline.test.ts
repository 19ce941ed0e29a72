import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { testPostgresUrl } from '@flotilla/testing';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type BenchDatabase, makeDatabase } from '../src/baseline/database.ts';
import { findAgent, finishExecution, insertAgent, startExecution } from '../src/baseline/statements.ts';

let database: BenchDatabase;
let pool: pg.Pool;
beforeAll(async () => {
  const migrations = join(import.meta.dirname, '../../services/llm-agent/src/db/migrations');
  database = await makeDatabase(testPostgresUrl(), `bare-${randomUUID().slice(0, 8)}`, migrations);
  pool = new pg.Pool({ connectionString: database.superuserUrl });
});
afterAll(() => pool?.end());

test('the bare program writes what an execution of the service writes', async () => {
  const agentId = await insertAgent(database);
  const started = await startExecution(pool, await findAgent(pool, agentId), 'Is all well?');
  await finishExecution(pool, started, { text: 'Yes.', promptTokens: 4, completionTokens: 2 });
  const one = async (table: string) =>
    (await pool.query(`select * from ${table} where execution_id = $1`, [started.id])).rows;
  expect((await pool.query('select * from executions where id = $1', [started.id])).rows).toMatchObject([
    {
      status: 'completed',
      response: 'Yes.',
      content_hash: expect.stringMatching(/^.{64}$/),
      event_seq: '2',
      last_cursor: '2',
    },
  ]);
  expect(await one('provider_attempts')).toMatchObject([
    { status: 'succeeded', agent_id: agentId, user_id: started.createdBy, prompt_tokens: 4, completion_tokens: 2 },
  ]);
  expect(await one('execution_updates')).toMatchObject([{ kind: 'started' }, { kind: 'finished' }]);
  expect(
    (await pool.query('select event_seq from outbox where aggregate_id = $1 order by seq', [started.id])).rows,
  ).toEqual([{ event_seq: '1' }, { event_seq: '2' }]);
});
