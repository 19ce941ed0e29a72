import { randomUUID } from 'node:crypto';
import { create, type DescMessage, type MessageInitShape, toBinary, toJson } from '@bufbuild/protobuf';
import { type Value, ValueSchema } from '@bufbuild/protobuf/wkt';
import {
  AgentCreatedSchema,
  AgentDeletedSchema,
  type AgentSchema,
  AgentStatus,
  AgentUpdatedSchema,
} from '@flotilla/contracts/agent';
import { AppError } from '@flotilla/errors';
import { republish } from '@flotilla/events';
import { newId } from '@flotilla/postgres';
import { eventually } from '@flotilla/testing';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { startWorkflow, type WorkflowHarness } from './harness.ts';
import { wellScript } from './neighbours.ts';

let fleet: WorkflowHarness;
beforeAll(async () => {
  fleet = await startWorkflow();
});
afterAll(() => fleet.stop());
beforeEach(() => {
  // llm-agent does not answer: what is known comes from events.
  fleet.neighbours.script = { ...wellScript(), agent: refusing('unavailable') };
});

const refusing = (code: 'unavailable' | 'not_found') => async () => {
  throw new AppError(code, 'AGENT_NOT_FOUND', 'There is no such agent.');
};

interface Row {
  readonly [column: string]: unknown;
  readonly agent_name: string;
  readonly status: string;
  readonly version: number;
  readonly removed: boolean;
}
const cached = async (id: string): Promise<Row | undefined> =>
  (
    await fleet.database.query<Row>(
      'select agent_name, status, version, deleted_at is not null as removed from workflow_agent_cache where agent_id = $1',
      [id],
    )
  )[0];

/** Lets an event of llm-agent happen: through an outbox, the relay and the broker. */
async function happen<D extends DescMessage>(
  schema: D,
  message: MessageInitShape<D>,
  id: string,
  seq: number,
  tenantId = fleet.tenantId,
) {
  await fleet.database.query(
    `insert into outbox (id, tenant_id, topic, aggregate, aggregate_id, event_seq, type, payload, actor_type, actor_id)
     values ($1, $2, 'flotilla.agent.v1', 'agents', $3, $4, $5, $6, 'service', 'llm-agent')`,
    [newId(), tenantId, id, seq, schema.typeName, toBinary(schema, create(schema, message))],
  );
}

const agentOf = (id: string, changes: MessageInitShape<typeof AgentSchema> = {}) => ({
  agent: { id, name: 'Reader', slug: `reader-${id}`, status: AgentStatus.ACTIVE, version: 1, ...changes },
});
async function known(changes: MessageInitShape<typeof AgentSchema> = {}): Promise<string> {
  const id = randomUUID();
  await happen(AgentCreatedSchema, agentOf(id, changes), id, 1);
  await eventually(async () => expect(await cached(id)).toBeDefined());
  return id;
}
const asking = (field: string, name: string, agentVersion = 0) => ({
  steps: [{ id: 'ask', kind: 'agent', [field]: name, agentVersion, prompt: 'Read.' }],
});
const problems = async (definition: ReturnType<typeof asking>) =>
  (await fleet.workflows.checkWorkflow({ definition })).problems.map(({ pointer, reason }) => `${pointer} ${reason}`);

test('an agent’s events are kept in their order, each once; a removed agent leaves a tombstone', async () => {
  const id = await known();
  await happen(AgentUpdatedSchema, agentOf(id, { name: 'Writer', version: 2 }), id, 2);
  await eventually(async () => expect(await cached(id)).toMatchObject({ agent_name: 'Writer', version: 2 }));
  // Delivered again under another id, as after a restore of the other side.
  await happen(AgentCreatedSchema, agentOf(id), id, 1);
  await happen(AgentDeletedSchema, agentOf(id, { name: 'Writer', version: 2 }), id, 3);
  await eventually(async () => expect(await cached(id)).toMatchObject({ agent_name: 'Writer', removed: true }));
  await happen(AgentUpdatedSchema, agentOf(id, { name: 'Ghost' }), id, 2);
  const sentinel = randomUUID();
  await happen(AgentCreatedSchema, agentOf(sentinel), sentinel, 1);
  await eventually(async () => expect(await cached(sentinel)).toBeDefined());
  await eventually(async () => expect(await fleet.database.query('select from outbox')).toEqual([]));
  expect(await cached(id)).toMatchObject({ agent_name: 'Writer', removed: true });
});

test('a definition that names an agent is refused when there is none, or it is retired, in its place', async () => {
  const id = await known({ version: 3 });
  const archived = await known({ status: AgentStatus.ARCHIVED });
  const removed = await known();
  await happen(AgentDeletedSchema, agentOf(removed), removed, 2);
  await eventually(async () => expect(await cached(removed)).toMatchObject({ removed: true }));
  expect(await problems(asking('agentId', id))).toEqual([]);
  expect(await problems(asking('agentSlug', `reader-${id}`, 3))).toEqual([]);
  expect(await problems(asking('agentId', id, 4))).toEqual(['/steps/0/agentVersion AGENT_VERSION_UNKNOWN']);
  expect(await problems(asking('agentId', archived))).toEqual(['/steps/0/agentId AGENT_ARCHIVED']);
  expect(await problems(asking('agentId', removed))).toEqual(['/steps/0/agentId AGENT_UNKNOWN']);
  expect(await problems(asking('agentSlug', 'nobody'))).toEqual(['/steps/0/agentSlug AGENT_UNKNOWN']);
  expect(await problems(asking('agentId', 'no id'))).toEqual(['/steps/0/agentId AGENT_UNKNOWN']);
  expect(await problems(asking('agentId', '${input.agent}'))).toEqual([]);
  const { id: workflowId } = await fleet.workflows.createWorkflow({
    ...{ name: 'W', slug: `w-${randomUUID()}`, definition: asking('agentId', archived) },
  });
  await expect(fleet.workflows.activateWorkflow({ id: workflowId })).rejects.toMatchObject({
    reason: 'DEFINITION_INVALID',
    violations: [{ field: '/steps/0/agentId', reason: 'AGENT_ARCHIVED' }],
  });
  await fleet.workflows.updateWorkflow({ id: workflowId, definition: asking('agentId', id) });
  expect(await fleet.workflows.activateWorkflow({ id: workflowId })).toMatchObject({ version: 1 });
  const stranger = await fleet.as(fleet.address, { tenantId: randomUUID() });
  expect((await stranger.workflows.checkWorkflow({ definition: asking('agentId', id) })).problems).toHaveLength(1);
  stranger.close();
});

test('llm-agent is asked once for each agent that the cache does not know, for all of them at once', async () => {
  const ids = Array.from({ length: 6 }, () => randomUUID());
  const asked: string[] = [];
  const { promise: all, resolve: allAsked } = Promise.withResolvers<void>();
  const script = wellScript();
  fleet.neighbours.script = {
    ...script,
    async agent(id) {
      asked.push(id);
      if (asked.length === ids.length) allAsked();
      await all;
      return script.agent(id);
    },
  };
  const steps = [...ids, ...ids].map((agentId, at, { length }) => ({
    ...{ id: `ask_${at}`, kind: 'agent', agentId, agentVersion: at < ids.length ? 0 : 2, prompt: 'Read.' },
    next: at + 1 < length ? `ask_${at + 1}` : '$end',
  }));
  const { problems } = await fleet.workflows.checkWorkflow({ definition: { steps } });
  expect(asked.toSorted()).toEqual(ids.toSorted());
  expect(problems.map(({ pointer, reason }) => `${pointer} ${reason}`)).toEqual(
    ids.map((_, at) => `/steps/${ids.length + at}/agentVersion AGENT_VERSION_UNKNOWN`),
  );
});

test('an agent whose event has not come yet is known to llm-agent', async () => {
  const id = randomUUID();
  fleet.neighbours.script = wellScript();
  expect(await problems(asking('agentId', id))).toEqual([]);
  fleet.neighbours.script = { ...wellScript(), agent: refusing('not_found') };
  expect(await problems(asking('agentId', id))).toEqual(['/steps/0/agentId AGENT_UNKNOWN']);
  // What the cache knows is not asked for.
  expect(await problems(asking('agentId', await known()))).toEqual([]);
});

test('tasks show the agent’s name, a dry run what its schema says', async () => {
  const outputSchema = {
    type: 'object',
    required: ['kind', 'title'],
    properties: { kind: { const: 'note' }, title: { type: 'string' } },
  };
  const id = await known({ name: 'Note taker', outputSchema });
  const workflowId = await fleet.activate({
    ...asking('agentSlug', `reader-${id}`),
    output: { kind: '${steps.ask.output.kind}', title: '${steps.ask.output.title}' },
  });
  const { output } = await fleet.workflows.dryRunWorkflow({ id: workflowId });
  expect(toJson(ValueSchema, output as Value)).toEqual({ kind: 'note', title: '${steps.ask.output.title}' });
  const { id: named } = await fleet.instances.startInstance({
    workflowId: await fleet.activate(asking('agentId', id)),
  });
  await fleet.ended(named);
  expect((await fleet.instances.listTasks({ instanceId: named })).tasks).toMatchObject([{ agentName: 'Note taker' }]);
});

test('the cache is made anew of the events that llm-agent sends again', async () => {
  const since = new Date();
  const [kept, removed] = [await known({ name: 'Kept' }), await known()];
  await happen(AgentUpdatedSchema, agentOf(kept, { name: 'Kept on', version: 2 }), kept, 2);
  await happen(AgentDeletedSchema, agentOf(removed), removed, 2);
  await eventually(async () => expect(await cached(kept)).toMatchObject({ version: 2 }));
  await eventually(async () => expect(await cached(removed)).toMatchObject({ removed: true }));
  const before = [await cached(kept), await cached(removed)];
  for (const table of ['workflow_agent_cache', 'inbox', 'inbox_positions']) {
    const group = table === 'workflow_agent_cache' ? '' : ` where consumer like '%workflow-agents'`;
    await fleet.database.query(`delete from ${table}${group}`);
  }
  expect(await cached(kept)).toBeUndefined();
  await republish(fleet.database.migratorUrl, {
    ...{ since: new Date(since.getTime() - 60_000), until: new Date(), topic: 'flotilla.agent.v1' },
  });
  await eventually(async () => expect([await cached(kept), await cached(removed)]).toEqual(before), {
    timeoutMs: 20_000,
  });
});
