import { randomUUID } from 'node:crypto';
import { BusyPolicy, ExecutionStatus, MessageRole } from '@flotilla/contracts/agent';
import { eventually, modelReplies, tenant } from '@flotilla/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Clients, endOf, type LlmAgent, startLlmAgent } from './harness.ts';

let fleet: LlmAgent;
let other: Clients;
beforeAll(async () => {
  fleet = await startLlmAgent();
});
afterAll(() => fleet?.stop());

const { text, failure } = modelReplies;
const roles: Record<number, string> = {
  [MessageRole.UNSPECIFIED]: '',
  [MessageRole.USER]: 'USER',
  [MessageRole.ASSISTANT]: 'ASSISTANT',
  [MessageRole.TOOL]: 'TOOL',
};

async function converse(wish: Parameters<LlmAgent['conversations']['createConversation']>[0] = {}) {
  const agentId = await fleet.createAgent();
  const { id } = await fleet.conversations.createConversation({ agentId, ...wish });
  const say = (content: string, options = {}) =>
    fleet.conversations.sendMessage({ conversationId: id, content, ...options });
  const kept = async () => {
    const { messages } = await fleet.conversations.listMessages({ conversationId: id });
    expect(messages.map(({ seq }) => seq)).toEqual(messages.map((_message, index) => index + 1));
    return messages.map(({ role, content }) => `${roles[role]} ${content}`);
  };
  return { id, agentId, say, kept };
}

/** What the model was told last, without the agent's own prompt. */
const told = () =>
  fleet.model.requests
    .at(-1)
    ?.messages.slice(1)
    .map(({ role, content }) => `${role} ${content}`);

/** A model that answers what was asked, and waits before answering `wait`. */
function echo() {
  const asked: string[] = [];
  const gate = Promise.withResolvers<void>();
  fleet.model.play(async ({ messages }) => {
    const question = messages.at(-1)?.content ?? '';
    asked.push(question);
    if (!question.startsWith('wait')) return text(`Re: ${question}`);
    async function* slowly() {
      yield 'Half. ';
      await gate.promise;
      yield 'Whole.';
    }
    return text(slowly());
  });
  return { asked, open: () => gate.resolve() };
}

test('a turn is kept with what it spent, and goes along with the next one', async () => {
  const { id, say, kept } = await converse({ title: 'Sums' });
  fleet.model.play([text('Two.'), text('Four.')]);
  const first = await say('One and one?');
  expect(first.execution).toMatchObject({ status: ExecutionStatus.COMPLETED, conversationId: id, response: 'Two.' });
  expect(first.messages).toMatchObject([
    { seq: 1, role: MessageRole.USER, content: 'One and one?', executionId: first.execution?.id },
    { seq: 2, role: MessageRole.ASSISTANT, content: 'Two.', model: 'scripted', promptTokens: 7, completionTokens: 1 },
  ]);
  expect(first.messages[1]?.latency).toEqual(first.execution?.latency);
  await say('And twice that?');
  expect(told()).toEqual(['user One and one?', 'assistant Two.', 'user And twice that?']);
  expect(await kept()).toEqual(['USER One and one?', 'ASSISTANT Two.', 'USER And twice that?', 'ASSISTANT Four.']);
  const conversation = await fleet.conversations.getConversation({ id });
  expect(conversation).toMatchObject({ title: 'Sums', messageCount: 4, runningExecutionId: '' });
});

test('a failed turn keeps what was said; a repeated one is one turn; a stream is one too', async () => {
  const { id, say, kept } = await converse();
  fleet.model.play([failure(400)]);
  expect((await say('Hello?')).execution).toMatchObject({ status: ExecutionStatus.FAILED });
  const { asked } = echo();
  const idempotencyKey = randomUUID();
  const request = { conversationId: id, content: 'Once' };
  const answers = await Promise.all([1, 2, 3].map(() => fleet.conversations.sendMessage(request, { idempotencyKey })));
  expect(new Set(answers.map(({ execution }) => execution?.id)).size).toBe(1);
  expect(asked).toEqual(['Once']);
  const updates = await Array.fromAsync(fleet.conversations.streamMessage({ conversationId: id, content: 'Stream' }));
  expect(endOf(updates)).toMatchObject({ response: 'Re: Stream', conversationId: id });
  expect(await kept()).toEqual([
    'USER Hello?',
    'USER Once',
    'ASSISTANT Re: Once',
    'USER Stream',
    'ASSISTANT Re: Stream',
  ]);
});

test('a window holds the last messages, or what fits the budget', async () => {
  const { id, say } = await converse({ window: { lastMessages: 3 } });
  echo();
  for (const content of ['a', 'b', 'c']) await say(content);
  expect(told()).toEqual(['assistant Re: a', 'user b', 'assistant Re: b', 'user c']);
  await fleet.conversations.updateConversation({ id, window: { lastMessages: 50, tokenBudget: 3 } });
  await say('d');
  // Twelve bytes: "Re: c", "c", "Re: b", "b".
  expect(told()).toEqual(['user b', 'assistant Re: b', 'user c', 'assistant Re: c', 'user d']);
});

test('where a summary is wanted, the agent sums up what falls out, once, and goes on with it', async () => {
  const { id, say, kept } = await converse({ window: { lastMessages: 4, summary: true } });
  let summaries = 0;
  fleet.model.play(({ messages }) => {
    const question = messages.at(-1)?.content ?? '';
    if (!question.startsWith('Sum up')) return text(`Re: ${question}`);
    summaries += 1;
    return text(`(${question.includes('user: a') ? 'a was said' : 'more was said'})`);
  });
  for (const content of ['a', 'b', 'c', 'd']) await say(content);
  expect(summaries).toBe(1);
  expect(told()).toEqual(['system What was said before:\n(a was said)', 'user c', 'assistant Re: c', 'user d']);
  expect(await kept()).toHaveLength(8);
  const { executions } = await fleet.executions.listExecutions({
    agentId: (await fleet.conversations.getConversation({ id })).agentId,
  });
  expect(executions).toHaveLength(5);
});

test('a busy conversation refuses, and does not mind afterwards', async () => {
  const { id, say, kept } = await converse();
  other = await fleet.replica();
  const model = echo();
  const first = say('wait');
  await eventually(() => model.asked.length === 1);
  await expect(other.conversations.sendMessage({ conversationId: id, content: 'b' })).rejects.toMatchObject({
    code: 'aborted',
    reason: 'CONVERSATION_BUSY',
  });
  model.open();
  await first;
  await other.conversations.sendMessage({ conversationId: id, content: 'c' });
  expect(await kept()).toEqual(['USER wait', 'ASSISTANT Half. Whole.', 'USER c', 'ASSISTANT Re: c']);
});

test('of callers on two replicas each has its turn, in the order of arrival', async () => {
  const { id, say, kept } = await converse({ busyPolicy: BusyPolicy.ENQUEUE });
  other = await fleet.replica();
  const model = echo();
  const waiting = async (length: number) =>
    eventually(async () => {
      const rows = await fleet.database.query('select from conversation_queue where conversation_id = $1', [id]);
      expect(rows).toHaveLength(length);
    });
  const turns = [say('wait')];
  await eventually(() => model.asked.length === 1);
  for (const [index, content] of ['b', 'c', 'd', 'e'].entries()) {
    const where = index % 2 === 0 ? other : fleet;
    turns.push(where.conversations.sendMessage({ conversationId: id, content }));
    await waiting(index + 1);
  }
  // Who leaves has no turn.
  const leaving = new AbortController();
  const left = other.conversations.sendMessage({ conversationId: id, content: 'left' }, { signal: leaving.signal });
  const refusal = expect(left).rejects.toMatchObject({ code: 'cancelled' });
  await waiting(5);
  leaving.abort();
  await refusal;
  model.open();
  await Promise.all(turns);
  expect(model.asked).toEqual(['wait', 'b', 'c', 'd', 'e']);
  expect((await kept()).filter((message) => message.startsWith('USER'))).toEqual(
    ['wait', 'b', 'c', 'd', 'e'].map((content) => `USER ${content}`),
  );
  await waiting(0);
  const { executions } = await fleet.executions.listExecutions({ conversationId: id });
  expect(executions.map(({ prompt }) => prompt)).toEqual(['e', 'd', 'c', 'b', 'wait']);
});

test.each([
  [BusyPolicy.INTERRUPT, ['USER wait', 'ASSISTANT Half. ', 'USER b', 'ASSISTANT Re: b']],
  [BusyPolicy.ROLL_BACK, ['USER b', 'ASSISTANT Re: b']],
])(
  'a turn on another replica is stopped by policy %s, its socket closed, and what was said of it stays or goes',
  async (busyPolicy, expected) => {
    const { id, say, kept } = await converse();
    other = await fleet.replica();
    const model = echo();
    const hangUps = fleet.model.hangUps;
    const first = say('wait');
    await eventually(async () => {
      const rows = await fleet.database.query(
        `select from execution_updates u join executions e on e.id = u.execution_id
       where e.conversation_id = $1 and u.kind = 'text'`,
        [id],
      );
      expect(rows).toHaveLength(1);
    });
    const second = await other.conversations.sendMessage({ conversationId: id, content: 'b', busyPolicy });
    expect(second.execution).toMatchObject({ status: ExecutionStatus.COMPLETED, response: 'Re: b' });
    expect((await first).execution).toMatchObject({ status: ExecutionStatus.CANCELLED });
    expect(await kept()).toEqual(expected);
    await eventually(() => fleet.model.hangUps === hangUps + 1);
    model.open();
    const { messages } = await fleet.conversations.listMessages({ conversationId: id, role: MessageRole.ASSISTANT });
    expect(messages.map(({ interrupted }) => interrupted)).toEqual(expected.length === 4 ? [true, false] : [false]);
  },
);

test('two callers race for a free conversation: one has the turn, whatever the policy', async () => {
  other = await fleet.replica();
  for (const busyPolicy of [BusyPolicy.REJECT, BusyPolicy.ENQUEUE]) {
    const { id, kept } = await converse({ busyPolicy });
    echo();
    const answers = await Promise.allSettled(
      [fleet, other, fleet, other].map((where, index) =>
        where.conversations.sendMessage({ conversationId: id, content: `${index}` }),
      ),
    );
    const turns = answers.filter(({ status }) => status === 'fulfilled').length;
    if (busyPolicy === BusyPolicy.ENQUEUE) expect(turns).toBe(4);
    expect(turns).toBeGreaterThan(0);
    const messages = await kept();
    expect(messages).toHaveLength(2 * turns);
    expect(
      messages.every(
        (message, index) => index % 2 === 0 || message === `ASSISTANT Re: ${messages[index - 1]?.slice(5)}`,
      ),
    ).toBe(true);
  }
});

test('a turn whose process died ends as lost, and the conversation goes on', async () => {
  const { id, say, kept } = await converse();
  const model = echo();
  const first = say('wait');
  await eventually(() => model.asked.length === 1);
  // As if another process had run it and died: nobody renews.
  await fleet.database.query(
    `update executions set lease_owner = 'gone', lease_expires_at = now() where conversation_id = $1`,
    [id],
  );
  expect((await first).execution).toMatchObject({ status: ExecutionStatus.FAILED, errorReason: 'EXECUTION_LOST' });
  model.open();
  await say('b');
  expect(await kept()).toEqual(['USER wait', 'USER b', 'ASSISTANT Re: b']);
});

test('a branch goes its own way from a message on, and an export holds everything', async () => {
  const { id, say, kept } = await converse({ title: 'Trunk' });
  echo();
  await say('a');
  await say('b');
  const branch = await fleet.conversations.branchConversation({ conversationId: id, seq: 2 });
  expect(branch).toMatchObject({ branchedFromId: id, branchedFromSeq: 2, messageCount: 2, title: 'Trunk' });
  await fleet.conversations.sendMessage({ conversationId: branch.id, content: 'c' });
  expect(told()).toEqual(['user a', 'assistant Re: a', 'user c']);
  expect(await kept()).toHaveLength(4);
  const exported = await fleet.conversations.exportConversation({ conversationId: branch.id });
  expect(exported).toMatchObject({ formatVersion: 1, conversation: { id: branch.id }, nextPageToken: '' });
  expect(exported.messages.map(({ content }) => content)).toEqual(['a', 'Re: a', 'c', 'Re: c']);
  await expect(fleet.conversations.branchConversation({ conversationId: id, seq: 5 })).rejects.toMatchObject({
    reason: 'MESSAGE_NOT_FOUND',
  });
});

test('lists have pages and filters; pages of large messages end early', async () => {
  const { id, agentId, say } = await converse();
  await fleet.conversations.createConversation({ agentId });
  const list = (wish: object) => fleet.conversations.listConversations({ agentId, ...wish });
  const page = await list({ pageSize: 1 });
  const rest = await list({ pageSize: 1, pageToken: page.nextPageToken });
  expect([...page.conversations, ...rest.conversations].map((one) => one.id === id)).toEqual([false, true]);
  expect(rest.nextPageToken).toBe('');
  expect((await list({ createdBy: 'nobody' })).conversations).toEqual([]);
  fleet.model.play([text('x'.repeat(900_000))]);
  await say('a');
  await say('b');
  const first = await fleet.conversations.listMessages({ conversationId: id });
  const second = await fleet.conversations.listMessages({ conversationId: id, pageToken: first.nextPageToken });
  expect([first, second].map(({ messages }) => messages.map(({ seq }) => seq))).toEqual([[1, 2, 3], [4]]);
});

test('a removed conversation is not there, and its texts are gone after their time, in every table', async () => {
  const { id, say } = await converse({ title: 'canary-title' });
  fleet.model.play([text('canary-answer')]);
  await say('canary-question');
  await fleet.conversations.deleteConversation({ id });
  await expect(fleet.conversations.getConversation({ id })).rejects.toMatchObject({ reason: 'CONVERSATION_NOT_FOUND' });
  await expect(say('b')).rejects.toMatchObject({ code: 'not_found', reason: 'CONVERSATION_NOT_FOUND' });
  const purge = (days: number) =>
    fleet.database.query<{ purged: string }>(
      `select purge_conversations(now() + $1 * interval '1 day', interval '30 days', 10) as purged`,
      [days],
    );
  expect([await purge(29), await purge(31)].map(([row]) => row?.purged)).toEqual(['0', '1']);
  const tables = await fleet.database.query<{ name: string }>(
    `select format('%I', relname) as name from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace`,
  );
  for (const { name } of tables) {
    expect(await fleet.database.query(`select 1 from ${name} t where t::text like '%canary-%'`), name).toEqual([]);
  }
  // Bytes of events are not text.
  const events = await fleet.database.query(
    `select 1 from (select payload from outbox union all select payload from outbox_sent) sent
     where position('canary-'::bytea in payload) > 0`,
  );
  expect(events).toEqual([]);
});

test("another tenant's conversation does not exist", async () => {
  const { id, agentId } = await converse();
  const stranger = await fleet.as({ tenantId: tenant() });
  const { conversations } = stranger;
  const refusal = { code: 'not_found', reason: 'CONVERSATION_NOT_FOUND' };
  for (const call of [
    () => conversations.getConversation({ id }),
    () => conversations.updateConversation({ id, title: 'x' }),
    () => conversations.deleteConversation({ id }),
    () => conversations.listMessages({ conversationId: id }),
    () => conversations.sendMessage({ conversationId: id, content: 'x' }),
    () => conversations.branchConversation({ conversationId: id, seq: 1 }),
    () => conversations.exportConversation({ conversationId: id }),
  ]) {
    await expect(call()).rejects.toMatchObject(refusal);
  }
  await expect(conversations.createConversation({ agentId })).rejects.toMatchObject({ reason: 'AGENT_NOT_FOUND' });
  expect((await conversations.listConversations({})).conversations).toEqual([]);
});
