import { AgentCreatedSchema } from '@flotilla/contracts/agent';
import { createConsumer, createKafkaTransport, onEvent } from '@flotilla/events';
import { createLogger } from '@flotilla/observability';
import { createDatabase, type Database, type Tx } from '@flotilla/postgres';
import { Kafka, logLevel } from 'kafkajs';
import pg from 'pg';
import { answerCalls } from '../child.ts';
import { type Stamps, wallClock } from './clock.ts';
import type { Tables } from './tables.ts';

/** The reading side, in a process of its own. Stamps say when a record's effect was there to stay. */
export interface ConsumerCalls {
  /** A service's consumer: inbox, order and offset in one transaction for each event. */
  startInbox(at: {
    readonly appUrl: string;
    readonly brokers: readonly string[];
    readonly prefix: string;
  }): Promise<void>;
  /** KafkaJS by itself; with a URL, each record is committed to a table before its offset is. */
  startRaw(at: {
    readonly brokers: readonly string[];
    readonly topic: string;
    readonly group: string;
    readonly databaseUrl?: string;
  }): Promise<void>;
  /** Waits until so many records have had their effect since the last time it was asked. */
  taken(wanted: { readonly count: number }): Promise<Stamps>;
}

const log = createLogger({ service: 'bench', level: 'warn' });
const timeoutMs = 60_000;
let stamps: [string, number][] = [];
let onStamp = () => {};

function stamp(id: string): void {
  stamps.push([id, wallClock()]);
  onStamp();
}

async function startInbox({ appUrl, brokers, prefix }: Parameters<ConsumerCalls['startInbox']>[0]): Promise<void> {
  const transport = createKafkaTransport({ brokers, clientId: 'bench-reader', log, prefix });
  const opened = createDatabase<Tables>({ url: appUrl, maxConnections: 20, applicationName: 'bench-reader', log });
  const seen = new WeakMap<object, string>();
  // Learns of each event in its handler, and stamps it when the transaction has committed.
  const db: Database<Tables> = {
    ...opened,
    async inTenant(scope, body) {
      let id: string | undefined;
      const result = await opened.inTenant(scope, async (tx) => {
        const value = await body(tx);
        id = seen.get(tx);
        return value;
      });
      if (id !== undefined) stamp(id);
      return result;
    },
  };
  const consumer = createConsumer({
    db,
    transport,
    group: 'bench',
    on: onEvent(AgentCreatedSchema, async (tx: Tx<Tables>, event) => {
      seen.set(tx, event.aggregateId);
    }),
    log,
  });
  consumer.start();
  await consumer.joined;
}

async function startRaw({
  brokers,
  topic,
  group,
  databaseUrl,
}: Parameters<ConsumerCalls['startRaw']>[0]): Promise<void> {
  const pool = databaseUrl === undefined ? undefined : new pg.Pool({ connectionString: databaseUrl, max: 20 });
  const kafka = new Kafka({ brokers: [...brokers], clientId: 'bench-raw', logLevel: logLevel.NOTHING });
  const consumer = kafka.consumer({ groupId: group, maxWaitTimeInMs: 250 });
  const joined = new Promise((resolve) => consumer.on('consumer.group_join', resolve));
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  await consumer.run({
    autoCommit: false,
    partitionsConsumedConcurrently: 3,
    eachBatch: async ({ batch, resolveOffset, commitOffsetsIfNecessary, heartbeat }) => {
      for (const { key, offset } of batch.messages) {
        const id = String(key);
        if (pool !== undefined) {
          const text = 'insert into bare_inbox (id) values ($1) on conflict do nothing';
          await pool.query({ name: 'inbox', text, values: [id] });
        }
        stamp(id);
        resolveOffset(offset);
      }
      const offset = String(BigInt(batch.lastOffset()) + 1n);
      await commitOffsetsIfNecessary({ topics: [{ topic, partitions: [{ partition: batch.partition, offset }] }] });
      await heartbeat();
    },
  });
  await joined;
}

function taken({ count }: Parameters<ConsumerCalls['taken']>[0]): Promise<Stamps> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`${stamps.length} of ${count} records arrived`)), timeoutMs);
    onStamp = () => {
      if (stamps.length < count) return;
      clearTimeout(late);
      onStamp = () => {};
      const all = stamps;
      stamps = [];
      resolve(all);
    };
    onStamp();
  });
}

answerCalls({ startInbox, startRaw, taken } satisfies ConsumerCalls);
