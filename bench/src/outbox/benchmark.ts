import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { type RunningServer, startServer } from '@flotilla/deploy';
import { ensureTopics } from '@flotilla/events';
import { makeDatabase } from '../baseline/database.ts';
import type { Benchmark, Report, Surroundings } from '../benchmark.ts';
import { type Child, startChild } from '../child.ts';
import { cpuBetween, usageOf } from '../measure/process-usage.ts';
import { alternate, ratios } from '../measure/rounds.ts';
import { medianOf, percentile } from '../measure/statistics.ts';
import { shown, shownSpread } from '../report.ts';
import type { Stamps } from './clock.ts';
import type { ConsumerCalls } from './consumers.ts';
import type { ProducerCalls, Side } from './producers.ts';
import { writeMigrations } from './tables.ts';

const rounds = 4;
const eventsEach = 5_000;
const concurrency = 16;
const slowEvents = 150;
const slowEveryMs = 20;
const partitions = 3;

/** One pair of writing and reading side. */
interface Lane {
  readonly side: Side;
  readonly producer: Child<ProducerCalls>;
  readonly consumer: Child<ConsumerCalls>;
}

interface Measured {
  /** From the first record's commit to the last effect's. */
  readonly perSecond: number;
  /** To the last record's commit. */
  readonly writtenPerSecond: number;
  readonly cpuMs: Readonly<Record<string, number>>;
  readonly latenciesMs: readonly number[];
}

export const outbox: Benchmark = {
  name: 'outbox',
  about: 'commit → consumer’s commit through outbox, relay, broker and inbox, beside KafkaJS by itself',
  async run(surroundings) {
    const stateDir = join(surroundings.config.stateDir, `outbox-${process.pid}`);
    const servers: RunningServer[] = [];
    const children: Child<unknown>[] = [];
    try {
      const postgres = await startServer('postgres', { stateDir: join(stateDir, 'postgres') });
      servers.push(postgres);
      const kafka = await startServer('kafka', { stateDir: join(stateDir, 'kafka') });
      servers.push(kafka);
      const lanes = await startLanes(surroundings, { postgres, kafka, children });
      const { scale, say } = surroundings;
      const pids = (lane: Lane) => ({
        writer: lane.producer.pid,
        reader: lane.consumer.pid,
        postgres: postgres.pid,
        kafka: kafka.pid,
      });
      const count = Math.max(500, Math.round(eventsEach * scale));
      for (const [name, lane] of Object.entries(lanes)) {
        say(`outbox: warming up ${name}`);
        await rate(lane, { count: Math.min(count, 1_000), pids: pids(lane) });
      }
      const found = await alternate<Measured>(
        rounds,
        Object.fromEntries(
          Object.entries(lanes).map(([name, lane]) => [
            name,
            async (round: number) => {
              say(`outbox: round ${round + 1} of ${name}`);
              const fast = await rate(lane, { count, pids: pids(lane) });
              return { ...fast, latenciesMs: await latencies(lane, Math.max(20, Math.round(slowEvents * scale))) };
            },
          ]),
        ),
      );
      return report(found, count);
    } finally {
      await Promise.all(children.map((child) => child.stop()));
      await Promise.all(servers.map((server) => server.stop()));
      rmSync(stateDir, { recursive: true, force: true });
    }
  },
};

const lane = { flotilla: 'flotilla', inbox: 'KafkaJS and an inbox row', bare: 'KafkaJS alone' } as const;

async function startLanes(
  { config, say }: Surroundings,
  { postgres, kafka, children }: { postgres: RunningServer; kafka: RunningServer; children: Child<unknown>[] },
): Promise<Record<string, Lane>> {
  say('outbox: servers are up');
  const migrations = await writeMigrations();
  const writing = await makeDatabase(postgres.url, 'bench-writer', migrations);
  const reading = await makeDatabase(postgres.url, 'bench-reader', migrations);
  const brokers = [kafka.address];
  const prefix = `b${randomBytes(4).toString('hex')}.`;
  const topics = { events: `${prefix}flotilla.agent.v1`, inbox: `${prefix}raw-inbox`, bare: `${prefix}raw` };
  await ensureTopics(brokers, Object.values(topics), { replication: 1, partitions });
  const open = (side: Side): Lane => {
    const producer = startChild<ProducerCalls>(new URL('producers.ts', import.meta.url), config.environment);
    const consumer = startChild<ConsumerCalls>(new URL('consumers.ts', import.meta.url), config.environment);
    children.push(producer as Child<unknown>, consumer as Child<unknown>);
    return { side, producer, consumer };
  };
  const flotilla = open('outbox');
  await flotilla.producer.call('startOutbox', { appUrl: writing.appUrl, relayUrl: writing.relayUrl, brokers, prefix });
  await flotilla.consumer.call('startInbox', { appUrl: reading.appUrl, brokers, prefix });
  const inbox = open('raw');
  await inbox.producer.call('startRaw', { brokers, topic: topics.inbox });
  const databaseUrl = reading.superuserUrl;
  await inbox.consumer.call('startRaw', { brokers, topic: topics.inbox, group: `${prefix}inbox`, databaseUrl });
  const bare = open('raw');
  await bare.producer.call('startRaw', { brokers, topic: topics.bare });
  await bare.consumer.call('startRaw', { brokers, topic: topics.bare, group: `${prefix}bare` });
  return { [lane.flotilla]: flotilla, [lane.inbox]: inbox, [lane.bare]: bare };
}

async function rate(
  { side, producer, consumer }: Lane,
  { count, pids }: { count: number; pids: Readonly<Record<string, number>> },
): Promise<Omit<Measured, 'latenciesMs'>> {
  const before = usageOf(pids);
  const began = performance.timeOrigin + performance.now();
  const [written, taken] = await Promise.all([
    producer.call('writeAll', { side, count, concurrency }),
    consumer.call('taken', { count }),
  ]);
  const seconds = (stamps: Stamps) => (Math.max(...stamps.map(([, at]) => at)) - began) / 1000;
  return {
    perSecond: count / seconds(taken),
    writtenPerSecond: count / seconds(written),
    cpuMs: cpuBetween(before, usageOf(pids)),
  };
}

async function latencies({ side, producer, consumer }: Lane, count: number): Promise<number[]> {
  const [written, taken] = await Promise.all([
    producer.call('writeSlowly', { side, count, everyMs: slowEveryMs }),
    consumer.call('taken', { count }),
  ]);
  const effects = new Map(taken);
  return written.map(([id, at]) => (effects.get(id) ?? Number.NaN) - at);
}

function report(found: Readonly<Record<string, Measured[]>>, count: number): Report {
  const rows = Object.entries(found).map(([name, measured]) => [
    name,
    shownSpread(measured.map(({ perSecond }) => perSecond)),
    shownSpread(measured.map(({ writtenPerSecond }) => writtenPerSecond)),
    shownSpread(measured.map(({ latenciesMs }) => percentile(latenciesMs, 0.5))),
    shownSpread(measured.map(({ latenciesMs }) => percentile(latenciesMs, 0.99))),
  ]);
  const compared = [lane.inbox, lane.bare].map((other) => [
    other,
    shownSpread(ratios(found, [lane.flotilla, other], ({ perSecond }) => perSecond)),
    shownSpread(ratios(found, [lane.flotilla, other], ({ latenciesMs }) => percentile(latenciesMs, 0.5))),
  ]);
  const processes = Object.keys(Object.values(found)[0]?.[0]?.cpuMs ?? {});
  const spent = Object.entries(found).map(([name, measured]) => [
    name,
    ...processes.map((process) => shown(medianOf(measured.map(({ cpuMs }) => (1000 * (cpuMs[process] ?? 0)) / count)))),
  ]);
  return {
    tables: [
      { title: 'flotilla over', columns: ['', 'rate', 'p50'], rows: compared },
      {
        title: `median of the rounds (least to most); ${count} events a round, then one every ${slowEveryMs} ms`,
        columns: ['', 'events/s', 'committed/s', 'p50 ms', 'p99 ms'],
        rows,
      },
      { title: 'processor µs per event', columns: ['', ...processes], rows: spent },
    ],
    notes: [
      `Flotilla commits each event with its aggregate's row, ${concurrency} at a time, and publishes from the outbox; KafkaJS is handed batches of 500 at once, acknowledged by all replicas, with nothing behind them.`,
      'The latency of Flotilla begins with the commit, that of KafkaJS with the call of send.',
    ],
  };
}
