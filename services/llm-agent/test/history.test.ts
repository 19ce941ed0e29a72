import { modelReplies } from '@flotilla/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type LlmAgent, startLlmAgent } from './harness.ts';

let fleet: LlmAgent;
beforeAll(async () => {
  fleet = await startLlmAgent();
});
afterAll(() => fleet?.stop());

const count = async (table: string, id: string) =>
  Number((await fleet.database.query<{ n: string }>(`select count(*) as n from ${table} where ${id}`))[0]?.n);

/** The clock is an argument: what the service does each hour, some months from now. */
const maintain = (months: number, keep: string, what: 'executions' | 'messages' = 'executions') =>
  fleet.database.query<{ dropped: string }>(
    `select maintain_${what}(now() + $1 * interval '1 month', $2::interval) as dropped`,
    [months, keep],
  );
/** Which of the months after that of `months` from now have a partition, counted from it. */
const monthsAhead = async (table: string, months: number) =>
  (
    await fleet.database.query<{ n: number }>(
      `select n from generate_series(1, 24) n where to_regclass(format('public.%I', $1::text ||
         to_char(date_trunc('month', now() at time zone 'utc') + ($2 + n) * interval '1 month', '_YYYYMM'))) is not null`,
      [table, months],
    )
  ).map(({ n }) => n);

test('the months of messages are dropped when they are old, and new ones are there in time; the conversation stays', async () => {
  const agentId = await fleet.createAgent();
  const { id: conversationId } = await fleet.conversations.createConversation({ agentId });
  fleet.model.play([modelReplies.text('Hello.')]);
  await fleet.conversations.sendMessage({ conversationId, content: 'x' });
  const said = async () => (await fleet.conversations.listMessages({ conversationId })).messages.length;
  expect(await maintain(1, '31 days', 'messages')).toEqual([]);
  expect([await said(), ...(await monthsAhead('messages', 1))]).toEqual([2, 1, 2, 3]);
  expect((await maintain(14, '400 days', 'messages')).map(({ dropped }) => dropped)).toEqual([
    expect.stringMatching(/^messages_until_\d{6}$/),
  ]);
  expect(await said()).toBe(0);
  expect(await fleet.conversations.getConversation({ id: conversationId })).toMatchObject({ messageCount: 2 });
});

test('the months of executions are dropped when they are old, with their ledger, and new ones are there in time', async () => {
  const agentId = await fleet.createAgent();
  fleet.model.play([modelReplies.text('Hello.')]);
  const { id } = await fleet.executions.executeAgent({ agentId, prompt: 'x' }, { idempotencyKey: 'kept' });
  expect(await maintain(1, '31 days')).toEqual([]);
  for (const table of ['executions', 'provider_attempts', 'tool_calls']) {
    expect([table, ...(await monthsAhead(table, 1))]).toEqual([table, 1, 2, 3]);
  }
  expect(await fleet.executions.getExecution({ id })).toMatchObject({ id });
  expect((await maintain(14, '400 days')).map(({ dropped }) => dropped)).toEqual([
    expect.stringMatching(/^tool_calls_until_\d{6}$/),
    expect.stringMatching(/^provider_attempts_until_\d{6}$/),
    expect.stringMatching(/^executions_until_\d{6}$/),
  ]);
  expect([
    await count('executions', `id = '${id}'`),
    await count('provider_attempts', `execution_id = '${id}'`),
  ]).toEqual([0, 0]);
  await expect(fleet.executions.getExecution({ id })).rejects.toMatchObject({ reason: 'EXECUTION_NOT_FOUND' });
});

test('nothing refers to what is dropped by months', async () => {
  const references = await fleet.database.query(
    `select conrelid::regclass as child, conname from pg_constraint
     where contype = 'f' and conparentid = 0 and confrelid in (select partrelid from pg_partitioned_table)`,
  );
  expect(references).toEqual([]);
});
