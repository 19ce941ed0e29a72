import { ExecutionStatus, type ExecutionUpdate } from '@flotilla/contracts/agent';
import { eventually, modelReplies } from '@flotilla/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { endOf, type LlmAgent, startLlmAgent } from './harness.ts';

let fleet: LlmAgent;
beforeAll(async () => {
  fleet = await startLlmAgent();
});
afterAll(() => fleet?.stop());

const textOf = (updates: readonly ExecutionUpdate[]) =>
  updates.map(({ update }) => (update.case === 'textDelta' ? update.value : '')).join('');

/** An answer whose pieces come when the test says so. */
function pieces() {
  const queue: string[] = [];
  let wake = Promise.withResolvers<void>();
  let over = false;
  async function* text() {
    for (;;) {
      const piece = queue.shift();
      if (piece !== undefined) yield piece;
      else if (over) return;
      else await wake.promise;
    }
  }
  const next = () => {
    wake.resolve();
    wake = Promise.withResolvers();
  };
  return {
    text: text(),
    say(piece: string) {
      queue.push(piece);
      next();
    },
    end() {
      over = true;
      next();
    },
  };
}

test('the answer comes while it grows, and ends with the finished execution', async () => {
  const agentId = await fleet.createAgent();
  const answer = pieces();
  fleet.model.play([modelReplies.text(answer.text)]);
  const updates: ExecutionUpdate[] = [];
  for await (const update of fleet.executions.streamAgent({ agentId, prompt: 'x' })) {
    updates.push(update);
    const said = textOf(updates);
    if (update.update.case === 'execution' && updates.length === 1) {
      expect(update.update.value.status).toBe(ExecutionStatus.RUNNING);
      answer.say('One ');
    } else if (said === 'One ') answer.say('two ');
    else if (said === 'One two ') answer.say('three.');
    else if (said === 'One two three.') answer.end();
  }
  expect(textOf(updates)).toBe('One two three.');
  expect(updates.map(({ cursor }) => cursor)).toEqual(updates.map((_update, index) => BigInt(index + 1)));
  expect(endOf(updates)).toMatchObject({ status: ExecutionStatus.COMPLETED, response: 'One two three.' });
});

test('a stream goes on after a cursor, on another replica', async () => {
  const agentId = await fleet.createAgent();
  const other = await fleet.replica();
  const answer = pieces();
  fleet.model.play([modelReplies.text(answer.text)]);
  const before: ExecutionUpdate[] = [];
  let id = '';
  for await (const update of fleet.executions.streamAgent({ agentId, prompt: 'x' })) {
    before.push(update);
    if (update.update.case === 'execution') id = update.update.value.id;
    if (before.length === 3) break;
    answer.say(`${before.length} `);
  }
  const rest = Array.fromAsync(other.executions.watchExecution({ id, after: 3n }));
  answer.say('3 ');
  answer.end();
  const after = await rest;
  expect(after[0]?.cursor).toBe(4n);
  expect(textOf([...before, ...after])).toBe('1 2 3 ');
  expect(endOf(after)).toMatchObject({ response: '1 2 3 ' });
  const again = await Array.fromAsync(fleet.executions.watchExecution({ id }));
  expect(again.map(({ cursor }) => cursor)).toEqual([...before, ...after].map(({ cursor }) => cursor));
});

test('an answer that breaks off is void: followers are told, and the next one counts', async () => {
  const agentId = await fleet.createAgent();
  fleet.model.play([modelReplies.broken('Half an answ'), modelReplies.text('Whole.')]);
  const updates = await Array.fromAsync(fleet.executions.streamAgent({ agentId, prompt: 'x' }));
  const restart = updates.findIndex(({ update }) => update.case === 'restarted');
  expect(updates[restart]?.update.value).toMatchObject({ attempt: 2, reason: 'PROVIDER_UNAVAILABLE' });
  expect(textOf(updates.slice(restart))).toBe('Whole.');
  expect(endOf(updates)).toMatchObject({ response: 'Whole.', attempts: 2 });
});

test('a dropped stream leaves its execution alone, or takes it along, as it was asked to', async () => {
  for (const cancelOnDisconnect of [false, true]) {
    const agentId = await fleet.createAgent();
    const answer = pieces();
    fleet.model.play([modelReplies.text(answer.text)]);
    const hangUps = fleet.model.hangUps;
    let id = '';
    for await (const { update } of fleet.executions.streamAgent({ agentId, prompt: 'x', cancelOnDisconnect })) {
      if (update.case === 'execution') id = update.value.id;
      break;
    }
    if (cancelOnDisconnect) await eventually(() => fleet.model.hangUps === hangUps + 1);
    answer.say('Whole.');
    answer.end();
    const end = endOf(await Array.fromAsync(fleet.executions.watchExecution({ id })));
    expect(end.status).toBe(cancelOnDisconnect ? ExecutionStatus.CANCELLED : ExecutionStatus.COMPLETED);
  }
});

test('where old news is forgotten, a stream still ends with the finished execution', async () => {
  const agentId = await fleet.createAgent();
  fleet.model.play([modelReplies.text('Hello.')]);
  const { id } = await fleet.executions.executeAgent({ agentId, prompt: 'x' });
  await fleet.database.query(
    `update execution_updates set created_at = now() - interval '2 days' where execution_id = $1`,
    [id],
  );
  await eventually(async () => {
    const [row] = await fleet.database.query<{ count: string }>(
      'select count(*) from execution_updates where execution_id = $1',
      [id],
    );
    expect(row?.count).toBe('0');
  });
  const updates = await Array.fromAsync(fleet.executions.watchExecution({ id }));
  expect(updates).toHaveLength(1);
  expect(endOf(updates)).toMatchObject({ id, response: 'Hello.' });
});
