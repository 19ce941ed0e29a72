import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { AgentCreatedSchema } from '@flotilla/contracts/agent';
import { appendEvent, createKafkaTransport, createRelay } from '@flotilla/events';
import { createLogger } from '@flotilla/observability';
import { createDatabase, newId } from '@flotilla/postgres';
import { Kafka, logLevel, Partitioners } from 'kafkajs';
import { answerCalls } from '../child.ts';
import { type Stamps, wallClock } from './clock.ts';
import type { Tables } from './tables.ts';

/** The writing side, in a process of its own. Stamps say when a record was there to stay. */
export interface ProducerCalls {
  /** A service's writer: transactions with an event each, and the relay beside them. */
  startOutbox(at: {
    readonly appUrl: string;
    readonly relayUrl: string;
    readonly brokers: readonly string[];
    readonly prefix: string;
  }): Promise<void>;
  startRaw(at: { readonly brokers: readonly string[]; readonly topic: string }): Promise<void>;
  /** As fast as it goes. */
  writeAll(how: { readonly side: Side; readonly count: number; readonly concurrency: number }): Promise<Stamps>;
  /** One record every so often. */
  writeSlowly(how: { readonly side: Side; readonly count: number; readonly everyMs: number }): Promise<Stamps>;
}

export type Side = 'outbox' | 'raw';

/** Writes records and answers when each was committed or, for raw ones, handed over. */
type Write = (ids: readonly string[]) => Promise<void>;

const log = createLogger({ service: 'bench', level: 'warn' });
const tenantId = newId();
const sides = new Map<Side, { readonly write: Write; readonly batch: number }>();
const padding = randomBytes(60).toString('hex');
// As many as the relay publishes at once.
const rawBatch = 500;

async function startOutbox(at: Parameters<ProducerCalls['startOutbox']>[0]): Promise<void> {
  const { appUrl, relayUrl, brokers, prefix } = at;
  const transport = createKafkaTransport({ brokers, clientId: 'bench-writer', log, prefix });
  const relay = createRelay({ url: relayUrl, transport, log });
  const db = createDatabase<Tables>({
    url: appUrl,
    maxConnections: 20,
    applicationName: 'bench-writer',
    log,
    onCommit: () => relay.wake(),
  });
  relay.start();
  const scope = { tenantId, actor: { type: 'user', id: 'bench' } };
  const write: Write = async ([id = newId()]) => {
    await db.inTenant(scope, async (tx) => {
      await tx.insertInto('agents').values({ id, tenant_id: tenantId, name: 'Bench' }).execute();
      await appendEvent(tx, { schema: AgentCreatedSchema, message: { agent: { id, name: padding } }, id });
    });
  };
  sides.set('outbox', { write, batch: 1 });
}

async function startRaw({ brokers, topic }: Parameters<ProducerCalls['startRaw']>[0]): Promise<void> {
  const kafka = new Kafka({ brokers: [...brokers], clientId: 'bench-raw', logLevel: logLevel.ERROR });
  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner, maxInFlightRequests: 1 });
  await producer.connect();
  const value = Buffer.from(padding);
  const write: Write = async (ids) => {
    await producer.send({ topic, acks: -1, messages: ids.map((id) => ({ key: id, value })) });
  };
  sides.set('raw', { write, batch: rawBatch });
}

async function writeAll({ side, count, concurrency }: Parameters<ProducerCalls['writeAll']>[0]): Promise<Stamps> {
  const { write, batch } = started(side);
  const stamps: [string, number][] = [];
  let left = count;
  const writer = async () => {
    while (left > 0) {
      const ids = Array.from({ length: Math.min(batch, left) }, newId);
      left -= ids.length;
      await write(ids);
      const at = wallClock();
      for (const id of ids) stamps.push([id, at]);
    }
  };
  // Batches go one after the other, as the relay's do.
  await Promise.all(Array.from({ length: batch === 1 ? concurrency : 1 }, writer));
  return stamps;
}

async function writeSlowly({ side, count, everyMs }: Parameters<ProducerCalls['writeSlowly']>[0]): Promise<Stamps> {
  const { write } = started(side);
  const stamps: [string, number][] = [];
  for (let done = 0; done < count; done += 1) {
    const id = newId();
    const handedOver = wallClock();
    await write([id]);
    stamps.push([id, side === 'outbox' ? wallClock() : handedOver]);
    await delay(everyMs);
  }
  return stamps;
}

function started(side: Side): { readonly write: Write; readonly batch: number } {
  const found = sides.get(side);
  if (found === undefined) throw new Error(`${side} was not started`);
  return found;
}

answerCalls({ startOutbox, startRaw, writeAll, writeSlowly } satisfies ProducerCalls);
