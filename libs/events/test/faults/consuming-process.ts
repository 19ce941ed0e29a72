import { AgentCreatedSchema, AgentUpdatedSchema } from '@flotilla/contracts/agent';
import { createDatabase, newId, sql, type Tx } from '@flotilla/postgres';
import { createConsumer, createKafkaTransport, type DomainEvent, onEvent } from '../../src/index.ts';
import { log, type Schema } from '../agents-database.ts';

/** A consumer in a process of its own, slow enough to be killed in the middle of an event. */
const options = JSON.parse(process.argv[2] ?? '{}') as {
  url: string;
  brokers: string[];
  prefix: string;
  group: string;
};
const record = async (tx: Tx<Schema>, event: DomainEvent) => {
  await tx
    .insertInto('effects')
    .values({
      id: newId(),
      tenant_id: event.tenantId,
      agent_id: event.aggregateId,
      event_seq: event.eventSeq ?? 0n,
      note: options.group,
    })
    .execute();
  await sql`select pg_sleep(0.01)`.execute(tx);
};
const consumer = createConsumer<Schema>({
  db: createDatabase<Schema>({ url: options.url, maxConnections: 4, applicationName: 'consuming-process', log }),
  transport: createKafkaTransport({ ...options, clientId: 'consuming-process', log }),
  group: options.group,
  on: {
    ...onEvent<Schema, typeof AgentCreatedSchema>(AgentCreatedSchema, record),
    ...onEvent<Schema, typeof AgentUpdatedSchema>(AgentUpdatedSchema, record),
  },
  log,
});
consumer.start();
process.stdin.resume();
process.stdin.on('end', () => process.exit());
