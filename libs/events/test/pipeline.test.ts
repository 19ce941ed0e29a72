import { randomBytes, randomUUID } from 'node:crypto';
import { type Agent, AgentCreatedSchema, AgentUpdatedSchema } from '@flotilla/contracts/agent';
import type { RowChanged } from '@flotilla/contracts/events';
import { AppError } from '@flotilla/errors';
import { newId, type Tx } from '@flotilla/postgres';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  appendEvent,
  arrivalsOf,
  type Consumer,
  type ConsumerOptions,
  createConsumer,
  createKafkaTransport,
  createRelay,
  type DomainEvent,
  dropTopics,
  ensureTopics,
  noteArrivals,
  onEvent,
  type Relay,
  republish,
  type Transport,
} from '../src/index.ts';
import {
  type AgentsDatabase,
  agentsDatabase,
  createAgent,
  effectsOf,
  log,
  renameAgent,
  type Schema,
  traceparent,
} from './agents-database.ts';
import { kafkaBrokers } from './config.ts';
import { eventually } from './eventually.ts';

let database: AgentsDatabase;
let transport: Transport;
let relay: Relay;
const prefix = `t${randomBytes(5).toString('hex')}.`;
const topics = [`${prefix}flotilla.agent.v1`, `${prefix}flotilla.agent.changes.v1`];
const consumers: Consumer[] = [];

beforeAll(async () => {
  database = await agentsDatabase();
  await ensureTopics(kafkaBrokers(), topics, {
    replication: 1,
    partitions: 3,
  });
  transport = createKafkaTransport({ brokers: kafkaBrokers(), clientId: 'test', log, prefix });
  relay = createRelay({ url: database.relayUrl, transport, log });
  relay.start();
});
afterAll(async () => {
  await Promise.all(consumers.map((consumer) => consumer.stop()));
  await relay?.stop();
  await transport?.close();
  await dropTopics(kafkaBrokers(), topics);
  await database?.drop();
});

async function consume(options: Partial<ConsumerOptions<Schema>>): Promise<Consumer> {
  const consumer = createConsumer<Schema>({
    db: database.db,
    transport,
    group: `g-${randomBytes(5).toString('hex')}`,
    log,
    redriveEveryMs: 0,
    ...options,
  });
  consumers.push(consumer);
  consumer.start();
  await consumer.joined;
  return consumer;
}

const record = (tx: Tx<Schema>, event: DomainEvent, note: string) =>
  tx
    .insertInto('effects')
    .values({
      id: newId(),
      tenant_id: event.tenantId,
      agent_id: event.aggregateId,
      event_seq: event.eventSeq ?? 0n,
      note,
    })
    .execute();
const named = (agent: Agent | undefined) => agent?.name ?? '';

test('an event arrives once, in order, with who, why and its trace; secrets stay behind', async () => {
  const seen: DomainEvent[] = [];
  const tenantId = randomUUID();
  await consume({
    on: {
      ...onEvent<Schema, typeof AgentCreatedSchema>(AgentCreatedSchema, async (tx, event) => {
        if (event.tenantId === tenantId) seen.push(event);
        await record(tx, event, `created ${named(event.message.agent)}`);
      }),
      ...onEvent<Schema, typeof AgentUpdatedSchema>(AgentUpdatedSchema, async (tx, event) => {
        await record(tx, event, `renamed ${named(event.message.agent)}`);
      }),
    },
  });
  const id = await createAgent(database.db, tenantId, 'a');
  await renameAgent(database.db, tenantId, id, 'b');
  await renameAgent(database.db, tenantId, id, 'c');
  await eventually(async () =>
    expect((await effectsOf(database)).filter(({ agent_id }) => agent_id === id)).toEqual([
      { agent_id: id, event_seq: '1', note: 'created a' },
      { agent_id: id, event_seq: '2', note: 'renamed b' },
      { agent_id: id, event_seq: '3', note: 'renamed c' },
    ]),
  );
  expect(seen).toMatchObject([
    {
      type: 'flotilla.agent.v1.AgentCreated',
      aggregate: 'agents',
      aggregateId: id,
      eventSeq: 1n,
      actor: { type: 'user', id: 'u1' },
      traceparent,
      causationDepth: 0,
    },
  ]);
  expect(await database.query('select from outbox')).toEqual([]);
  const sent = await database.query<{ text: string }>(
    `select coalesce(encode(payload, 'escape'), change::text) as text from outbox_sent where aggregate_id = $1`,
    [id],
  );
  expect(sent.length).toBe(6);
  expect(sent.some(({ text }) => text.includes('canary-secret'))).toBe(false);
});

test('a change by hand is captured with before and after', async () => {
  const changes: RowChanged[] = [];
  const tenantId = randomUUID();
  await consume({
    topics: ['flotilla.agent.changes.v1'],
    changes: async (_tx, event) => {
      if (event.tenantId === tenantId) changes.push(event.message);
    },
  });
  const id = await createAgent(database.db, tenantId, 'before');
  await database.query(`update agents set name = 'after', secret = 'canary-2' where id = $1`, [id]);
  await eventually(() =>
    expect(changes).toMatchObject([
      { table: 'agents', rowId: id, operation: 1, after: { name: 'before' } },
      { table: 'agents', rowId: id, operation: 2, before: { name: 'before' }, after: { name: 'after' } },
    ]),
  );
  expect(JSON.stringify(changes)).not.toContain('canary');
});

test('a poison event parks its aggregate and nothing else; a redrive keeps the order', async () => {
  let cured = false;
  const tenantId = randomUUID();
  const consumer = await consume({
    on: {
      ...onEvent<Schema, typeof AgentCreatedSchema>(AgentCreatedSchema, async (tx, event) => {
        if (event.message.agent?.name === 'poison' && !cured) throw new AppError('invalid_argument', 'POISON', 'No.');
        if (event.tenantId === tenantId) await record(tx, event, 'p-created');
      }),
      ...onEvent<Schema, typeof AgentUpdatedSchema>(AgentUpdatedSchema, async (tx, event) => {
        if (event.tenantId === tenantId) await record(tx, event, `p-${named(event.message.agent)}`);
      }),
    },
  });
  const bad = await createAgent(database.db, tenantId, 'poison');
  await renameAgent(database.db, tenantId, bad, 'later');
  const good = await createAgent(database.db, tenantId, 'fine');
  const mine = async () => (await effectsOf(database)).filter(({ note }) => note.startsWith('p-'));
  await eventually(async () => {
    expect(await consumer.parked()).toMatchObject([{ aggregateId: bad, events: 2, reason: 'POISON' }]);
    expect(await mine()).toMatchObject([{ agent_id: good, note: 'p-created' }]);
  });
  expect(await consumer.redrive()).toBe(0);
  cured = true;
  expect(await consumer.redrive({ aggregateId: bad })).toBe(2);
  expect(await mine()).toMatchObject([
    { agent_id: good },
    { agent_id: bad, note: 'p-created' },
    { agent_id: bad, note: 'p-later' },
  ]);
  expect(await consumer.parked()).toEqual([]);
});

test('a batch consumer takes many events in one transaction and isolates the one that fails', async () => {
  const tenantId = randomUUID();
  let transactions = 0;
  const consumer = await consume({
    topics: ['flotilla.agent.v1'],
    batch: async (tx, events) => {
      transactions += 1;
      for (const event of events.filter((candidate) => candidate.tenantId === tenantId)) {
        if (JSON.stringify(event.message).includes('poison')) throw new AppError('invalid_argument', 'POISON', 'No.');
        await record(tx, event, 'b-batch');
      }
    },
  });
  for (const name of ['one', 'poison', 'two']) await createAgent(database.db, tenantId, name);
  await eventually(async () => {
    expect((await effectsOf(database)).filter(({ note }) => note === 'b-batch')).toHaveLength(2);
    expect(await consumer.parked()).toMatchObject([{ reason: 'POISON', events: 1 }]);
  });
  expect(transactions).toBeGreaterThan(0);
});

test('what is to be done is found out before the transaction, of events that are not known, and done with those that are new', async () => {
  const tenantId = randomUUID();
  const group = `g-${randomBytes(5).toString('hex')}`;
  const prepared: string[] = [];
  let meanwhile = async (_ids: readonly string[]) => {};
  const consumer = await consume({
    group,
    topics: ['flotilla.agent.v1'],
    async prepare(events) {
      const ours = events.filter((event) => event.tenantId === tenantId);
      prepared.push(...ours.map((event) => event.aggregateId));
      await meanwhile(ours.map(({ id }) => id));
      if (ours.some(({ message }) => JSON.stringify(message).includes('poison'))) {
        throw new AppError('invalid_argument', 'POISON', 'No.');
      }
      return async (tx, fresh) => {
        for (const event of fresh.filter((one) => one.tenantId === tenantId)) await record(tx, event, group);
      };
    },
  });
  const effects = async () =>
    (await effectsOf(database)).filter(({ note }) => note === group).map(({ agent_id }) => agent_id);
  const first = await createAgent(database.db, tenantId, 'one');
  await createAgent(database.db, tenantId, 'poison');
  await eventually(async () => {
    expect(await effects()).toEqual([first]);
    expect(await consumer.parked()).toMatchObject([{ reason: 'POISON', events: 1 }]);
  });

  // Told again, it is looked at no more. Known to somebody else by the time that the answer is done, it has no effect.
  const toldBefore = prepared.filter((id) => id === first).length;
  meanwhile = async (ids) => {
    await database.query('insert into inbox (tenant_id, consumer, event_id) select $1, $2, unnest($3::uuid[])', [
      tenantId,
      group,
      ids,
    ]);
  };
  const times = { since: new Date(Date.now() - 60_000), until: new Date(Date.now() + 60_000) };
  const again = { ...times, topic: 'flotilla.agent.v1', aggregateId: first };
  expect(await republish(database.migratorUrl, again)).toBe(1);
  await renameAgent(database.db, tenantId, first, 'sentinel');
  await eventually(async () => expect(prepared.filter((id) => id === first)).toHaveLength(toldBefore + 1));
  meanwhile = async () => {};
  await renameAgent(database.db, tenantId, first, 'second sentinel');
  // The effects of before it are written by now.
  await eventually(async () => expect(await effects()).toEqual([first, first]));
});

test('an event that is dealt with in several transactions has come when the first of them says so', async () => {
  const scope = { tenantId: randomUUID(), actor: { type: 'service', id: 'test' } };
  const ids = [newId(), newId()];
  const [first = ''] = ids;
  const arrivals = () => database.db.inTenant(scope, (tx) => arrivalsOf(tx, 'parts', ids));
  const came = await arrivals();
  expect((await arrivals()).get(first)).not.toBe(came.get(first));
  await database.db.inTenant(scope, (tx) => noteArrivals(tx, 'parts', new Map([...came].slice(0, 1))));
  const later = await arrivals();
  expect([later.get(first) === came.get(first), later.get(ids[1] ?? '') === came.get(ids[1] ?? '')]).toEqual([
    true,
    false,
  ]);
  await database.db.inTenant(scope, (tx) => noteArrivals(tx, 'parts', later));
  expect(await arrivals()).toEqual(later);
});

test('what nobody waits for is noted together; neither that nor what was applied comes again when it is republished', async () => {
  const tenantId = randomUUID();
  const group = `g-${randomBytes(5).toString('hex')}`;
  const since = new Date();
  const ids = [await createAgent(database.db, tenantId, 'a'), await createAgent(database.db, tenantId, 'b')];
  for (const id of ids) for (const name of ['x', 'y', 'z']) await renameAgent(database.db, tenantId, id, name);
  let wanted = new Set<string>([AgentUpdatedSchema.typeName]);
  let asked = 0;
  await consume({
    group,
    gatherMs: 100,
    concerns: async () => {
      asked += 1;
      return wanted;
    },
    on: Object.fromEntries(
      [AgentCreatedSchema, AgentUpdatedSchema].map(({ typeName }) => [
        typeName,
        async (tx: Tx<Schema>, event: DomainEvent) => {
          await record(tx, event, `${group} ${typeName}`);
        },
      ]),
    ),
  });
  const effects = async () => (await effectsOf(database)).filter(({ note }) => note.startsWith(group));
  const inbox = async () =>
    Number(
      (await database.query<{ n: string }>('select count(*) as n from inbox where consumer = $1', [group]))[0]?.n ?? 0,
    );
  const updates = async () => (await effects()).filter(({ agent_id }) => ids.includes(agent_id));
  await eventually(async () => expect(await updates()).toHaveLength(6));
  await eventually(async () => expect(await inbox()).toBeGreaterThanOrEqual(8));
  expect((await updates()).every(({ note }) => note === `${group} ${AgentUpdatedSchema.typeName}`)).toBe(true);
  expect(asked).toBeGreaterThan(0);

  // Whoever begins to wait now does not get what is past, when the broker is filled again.
  wanted = new Set([AgentCreatedSchema.typeName, AgentUpdatedSchema.typeName]);
  const [first = ''] = ids;
  const inOutbox = { since, until: new Date(Date.now() + 60_000), topic: 'flotilla.agent.v1' };
  expect(await republish(database.migratorUrl, { ...inOutbox, aggregateId: first })).toBe(4);
  await renameAgent(database.db, tenantId, first, 'sentinel');
  await eventually(async () => expect(await updates()).toHaveLength(7));
  // Once more, although each is among the published twice by now.
  await eventually(async () => expect((await relay.lag()).rows).toBe(0));
  expect(await republish(database.migratorUrl, { ...inOutbox, aggregateId: first })).toBe(5);
  await renameAgent(database.db, tenantId, first, 'second sentinel');
  await eventually(async () => expect(await updates()).toHaveLength(8));
});

test('the relay that publishes hears at once of what was committed through another process', async () => {
  const apart = await agentsDatabase();
  // Neither looks by itself: without a word, nothing would go out.
  const relays = [1, 2].map(() =>
    createRelay({ url: apart.relayUrl, transport, log, idleMs: 600_000, standbyMs: 600_000 }),
  );
  const [first, second] = relays;
  try {
    first?.start();
    await eventually(async () => expect(first?.isHolder()).toBe(true));
    second?.start();
    const committing = apart.open(() => second?.wake());
    await eventually(async () => {
      await createAgent(committing, randomUUID(), 'elsewhere');
      expect(await apart.query('select from outbox_sent')).not.toHaveLength(0);
    });
    expect(second?.isHolder()).toBe(false);
  } finally {
    await Promise.all(relays.map((one) => one.stop()));
    await apart.drop();
  }
});

test('events that cause events end at the cap', async () => {
  await expect(createAgent(database.db, randomUUID(), 'loop', 17)).rejects.toMatchObject({
    reason: 'CAUSATION_TOO_DEEP',
  });
});

test('a projection that needs every event parks on a gap and goes on when it is filled', async () => {
  const tenantId = randomUUID();
  const group = `g-${randomBytes(5).toString('hex')}`;
  const consumer = await consume({
    group,
    ordered: true,
    on: {
      ...onEvent<Schema, typeof AgentUpdatedSchema>(AgentUpdatedSchema, async (tx, event) => {
        if (event.tenantId === tenantId) await record(tx, event, `o-${named(event.message.agent)}`);
      }),
    },
  });
  const id = await createAgent(database.db, tenantId, 'a');
  await renameAgent(database.db, tenantId, id, 'b');
  await database.query('update agents set event_seq = event_seq + 1 where id = $1', [id]);
  await renameAgent(database.db, tenantId, id, 'c');
  await eventually(async () =>
    expect((await consumer.parked()).filter(({ aggregateId }) => aggregateId === id)).toMatchObject([
      { reason: 'EVENT_GAP', events: 1 },
    ]),
  );
  const mine = async () => (await effectsOf(database)).filter(({ note }) => note.startsWith('o-'));
  expect(await mine()).toMatchObject([{ note: 'o-b' }]);
  await database.query('update inbox_positions set event_seq = 3 where consumer = $1 and aggregate_id = $2', [
    group,
    id,
  ]);
  expect(await consumer.redrive({ aggregateId: id })).toBe(1);
  expect(await mine()).toMatchObject([{ note: 'o-b' }, { note: 'o-c' }]);
});

test('what an event causes carries its trace on and counts one deeper', async () => {
  const tenantId = randomUUID();
  await consume({
    on: onEvent<Schema, typeof AgentCreatedSchema>(AgentCreatedSchema, async (tx, event) => {
      if (event.tenantId !== tenantId) return;
      const { aggregateId: id } = event;
      await appendEvent(tx, { schema: AgentUpdatedSchema, message: { agent: { id, name: 'caused' } }, id });
    }),
  });
  const id = await createAgent(database.db, tenantId, 'a', 3);
  await eventually(async () => {
    const rows = await database.query(
      `select causation_depth, traceparent, actor_type, event_seq::int as event_seq from outbox_sent where aggregate_id = $1 and type like '%AgentUpdated'`,
      [id],
    );
    expect(rows).toEqual([
      {
        causation_depth: 4,
        traceparent: expect.stringContaining(traceparent.slice(3, 35)),
        actor_type: 'service',
        event_seq: 2,
      },
    ]);
  });
});

test('records that are no events, or cannot be read, are parked and stop nobody', async () => {
  const tenantId = randomUUID();
  const consumer = await consume({
    on: onEvent<Schema, typeof AgentCreatedSchema>(AgentCreatedSchema, async (tx, event) => {
      if (event.tenantId === tenantId) await record(tx, event, 'u-created');
    }),
  });
  const bad = newId();
  const headers = {
    ce_id: newId(),
    ce_type: 'flotilla.agent.v1.AgentCreated',
    ce_time: new Date().toISOString(),
    ce_subject: `agents/${bad}`,
    tenantid: tenantId,
    eventseq: '1',
  };
  const topic = 'flotilla.agent.v1';
  await transport.publish([
    { topic, key: 'k', value: Buffer.from('hello'), headers: {} },
    { topic, key: 'k', value: Buffer.alloc(0), headers: { ...headers, tenantid: `' or true --` } },
    { topic, key: 'k', value: Buffer.from([0xff, 0xff, 0xff]), headers },
    {
      topic,
      key: 'k',
      value: Buffer.alloc(0),
      headers: { ...headers, ce_id: newId(), ce_type: 'flotilla.agent.v1.NotYetKnown' },
    },
  ]);
  const good = await createAgent(database.db, tenantId, 'fine');
  await eventually(async () => {
    expect((await effectsOf(database)).filter(({ note }) => note === 'u-created')).toMatchObject([{ agent_id: good }]);
    const parked = await consumer.parked();
    expect(parked.map(({ aggregate, reason }) => [aggregate, reason]).sort()).toEqual([
      ['agents', 'EVENT_UNREADABLE'],
      ['unreadable', 'EVENT_UNREADABLE'],
      ['unreadable', 'EVENT_UNREADABLE'],
    ]);
  });
});

test('an event that only came too early passes by itself later', async () => {
  const tenantId = randomUUID();
  let early = true;
  const consumer = await consume({
    redriveEveryMs: 300,
    on: onEvent<Schema, typeof AgentCreatedSchema>(AgentCreatedSchema, async (tx, event) => {
      if (event.tenantId !== tenantId) return;
      if (early) throw new AppError('not_found', 'NOT_YET', 'Not yet.');
      await record(tx, event, 'e-late');
    }),
  });
  await createAgent(database.db, tenantId, 'a');
  const parked = async () => (await consumer.parked()).filter((aggregate) => aggregate.tenantId === tenantId);
  await eventually(async () => expect(await parked()).toMatchObject([{ reason: 'NOT_YET' }]));
  early = false;
  await eventually(async () => {
    expect(await parked()).toEqual([]);
    expect((await effectsOf(database)).filter(({ note }) => note === 'e-late')).toHaveLength(1);
  });
});
