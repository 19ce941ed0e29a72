import { randomBytes, randomUUID } from 'node:crypto';
import { AgentCreatedSchema, AgentUpdatedSchema } from '@flotilla/contracts/agent';
import { type Database, newId, type Tx } from '@flotilla/postgres';
import { expect } from 'vitest';
import {
  createConsumer,
  createKafkaTransport,
  type DomainEvent,
  ensureTopics,
  onEvent,
  type Transport,
} from '../../src/index.ts';
import { type AgentsDatabase, createAgent, log, renameAgent, type Schema } from '../agents-database.ts';

export const newPrefix = () => `f${randomBytes(5).toString('hex')}.`;
export const topicsWith = (prefix: string) => [`${prefix}flotilla.agent.v1`, `${prefix}flotilla.agent.changes.v1`];

export async function openTransport(brokers: readonly string[], prefix: string): Promise<Transport> {
  await ensureTopics(brokers, topicsWith(prefix), { replication: 1, partitions: 3 });
  return createKafkaTransport({ brokers, clientId: 'fault', log, prefix, watchdogMs: 5_000 });
}

/** A consumer that writes one effect for each time an event is applied. */
export function recordingConsumer(
  db: Database<Schema>,
  transport: Transport,
  group = `g-${randomBytes(5).toString('hex')}`,
) {
  const record = async (tx: Tx<Schema>, event: DomainEvent) => {
    await tx
      .insertInto('effects')
      .values({
        id: newId(),
        tenant_id: event.tenantId,
        agent_id: event.aggregateId,
        event_seq: event.eventSeq ?? 0n,
        note: group,
      })
      .execute();
  };
  return createConsumer<Schema>({
    db,
    transport,
    group,
    log,
    redriveEveryMs: 0,
    on: {
      ...onEvent<Schema, typeof AgentCreatedSchema>(AgentCreatedSchema, record),
      ...onEvent<Schema, typeof AgentUpdatedSchema>(AgentUpdatedSchema, record),
    },
  });
}

/** Makes and renames agents until told to stop. A write that fails is tried again only where it surely did nothing. */
export function keepWriting(db: Database<Schema>): { stop(): Promise<void>; writes(): number } {
  let stopped = false;
  let writes = 0;
  const tenantId = randomUUID();
  const writer = async () => {
    while (!stopped) {
      try {
        const id = await createAgent(db, tenantId, 'a');
        await renameAgent(db, tenantId, id, 'b');
        await renameAgent(db, tenantId, id, 'c');
        writes += 1;
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  };
  const running = Promise.all([writer(), writer(), writer()]);
  return {
    writes: () => writes,
    async stop() {
      stopped = true;
      await running;
    },
  };
}

/** What was committed is what had effect: each event once, in the order of its aggregate. */
export async function expectEachEventOnce(database: AgentsDatabase): Promise<void> {
  const events = await database.query<{ aggregate_id: string; event_seq: string }>(
    `select aggregate_id, event_seq from (select aggregate_id, event_seq from outbox where event_seq is not null
       union all select aggregate_id, event_seq from outbox_sent where event_seq is not null) as all_events order by 1, 2`,
  );
  const committed = await database.query<{ id: string; event_seq: string }>('select id, event_seq from agents');
  const effects = await database.query<{ agent_id: string; event_seqs: string[] }>(
    'select agent_id, array_agg(event_seq order by seq) as event_seqs from effects group by agent_id',
  );
  expect(events.length).toBe(committed.reduce((sum, { event_seq }) => sum + Number(event_seq), 0));
  const expected = new Map(
    committed.map(({ id, event_seq }) => [id, Array.from({ length: Number(event_seq) }, (_, i) => String(i + 1))]),
  );
  expect(new Map(effects.map(({ agent_id, event_seqs }) => [agent_id, event_seqs]))).toEqual(expected);
}
