import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '@flotilla/observability';
import type { Consumer, EachBatchPayload, Kafka, KafkaMessage } from 'kafkajs';
import type { IncomingRecord, Subscription, SubscriptionOptions } from '../transport.ts';
import { answeredWithin, settledWithin } from './kafka-client.ts';

interface SubscriptionSurroundings {
  readonly kafka: Kafka;
  readonly log: Logger;
  /** Records that wait, for the watchdog. */
  readonly waiting: () => Promise<bigint>;
  readonly watchdogMs: number;
}

/**
 * Keeps one group member alive: a KafkaJS consumer that crashed, or that has records waiting and makes no progress, is
 * thrown away and replaced. KafkaJS would restart itself after some failures and not after others.
 */
export function subscribe(options: SubscriptionOptions, around: SubscriptionSurroundings): Subscription {
  const { kafka, log, waiting, watchdogMs } = around;
  const stopping = new AbortController();
  const joined = Promise.withResolvers<void>();
  let graceMs = 10_000;

  async function keepAlive(): Promise<void> {
    for (let failures = 0; !stopping.signal.aborted; ) {
      const member = startMember(options, kafka, stopping.signal);
      void member.joined.then(joined.resolve, () => {});
      const reason = await Promise.race([
        member.ended,
        aborted(stopping.signal),
        stuck(member, waiting, watchdogMs, stopping.signal),
      ]);
      await member.stop(stopping.signal.aborted ? graceMs : 5_000);
      if (stopping.signal.aborted) return;
      failures = member.madeProgress() ? 0 : failures + 1;
      log.warn({ group: options.group, err: reason }, 'an event subscription ended and starts again');
      await delay(Math.min(200 * 2 ** failures, 2_000), undefined, { signal: stopping.signal }).catch(() => {});
    }
  }

  const running = keepAlive();
  return {
    joined: joined.promise,
    async stop(grace = 10_000) {
      graceMs = grace;
      stopping.abort();
      await running;
      joined.resolve();
    },
  };
}

interface Member {
  readonly joined: Promise<void>;
  /** Resolves with what went wrong. */
  readonly ended: Promise<unknown>;
  /**
   * How long nothing has moved that should have. Joining takes as long as a dead member is still believed alive:
   * whoever gave up earlier would leave one more dead member each time.
   */
  silentMs(): number;
  madeProgress(): boolean;
  stop(graceMs: number): Promise<void>;
}

const sessionMs = 10_000;
const rebalanceMs = 20_000;
const heartbeatMs = 3_000;

function startMember(options: SubscriptionOptions, kafka: Kafka, stopping: AbortSignal): Member {
  const consumer = kafka.consumer({
    groupId: options.group,
    allowAutoTopicCreation: false,
    sessionTimeout: sessionMs,
    rebalanceTimeout: rebalanceMs,
    heartbeatInterval: heartbeatMs,
    metadataMaxAge: 60_000,
    // Records end a poll at once. Where none come it ends when the next heartbeat is due, which comes after it.
    maxWaitTimeInMs: heartbeatMs,
    minBytes: 1,
    maxBytesPerPartition: 512 * 1024,
    maxBytes: 4 * 1024 * 1024,
    // Crashes end the member; see above.
    retry: { initialRetryTime: 100, maxRetryTime: 1_000, retries: 3, restartOnFailure: async () => false },
  });
  const joined = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<unknown>();
  let joining = true;
  let lastProgressAt = performance.now();
  let progressed = false;
  const busy = new Set<Promise<void>>();
  const progress = () => {
    lastProgressAt = performance.now();
    progressed = true;
  };
  const setJoining = (value: boolean) => {
    joining = value;
    lastProgressAt = performance.now();
  };
  consumer.on('consumer.group_join', () => {
    setJoining(false);
    joined.resolve();
  });
  consumer.on('consumer.rebalancing', () => setJoining(true));
  consumer.on('consumer.crash', ({ payload }) => ended.resolve(payload.error));
  // Also comes right before a crash, which tells more.
  consumer.on('consumer.disconnect', () => setTimeout(() => ended.resolve(new Error('disconnected')), 100));

  const eachBatch = async (payload: EachBatchPayload) => {
    const work = handleBatch(options, payload, stopping, progress);
    busy.add(work);
    try {
      await work;
    } finally {
      busy.delete(work);
    }
  };
  void run(consumer, options, eachBatch).catch((error: unknown) => ended.resolve(error));
  return {
    joined: joined.promise,
    ended: ended.promise,
    silentMs: () => (busy.size > 0 ? 0 : performance.now() - lastProgressAt - (joining ? sessionMs + rebalanceMs : 0)),
    madeProgress: () => progressed,
    async stop(graceMs) {
      const until = performance.now() + graceMs;
      await settledWithin(graceMs, Promise.allSettled(busy));
      await settledWithin(Math.max(until - performance.now(), 1_000), consumer.disconnect());
    },
  };
}

async function run(
  consumer: Consumer,
  options: SubscriptionOptions,
  eachBatch: (payload: EachBatchPayload) => Promise<void>,
) {
  await consumer.connect();
  await consumer.subscribe({ topics: [...options.topics], fromBeginning: true });
  await consumer.run({
    autoCommit: false,
    eachBatchAutoResolve: false,
    partitionsConsumedConcurrently: options.concurrency ?? 3,
    eachBatch,
  });
}

// A handler may take long, these may not: whoever waits for one looks busy to the watchdog.
const answerMs = 20_000;

async function handleBatch(
  options: SubscriptionOptions,
  { batch, heartbeat, resolveOffset, commitOffsetsIfNecessary, isRunning, isStale }: EachBatchPayload,
  stopping: AbortSignal,
  progress: () => void,
): Promise<void> {
  const { topic, partition } = batch;
  const beat = () => answeredWithin(answerMs, 'the heartbeat', heartbeat());
  const control = { signal: stopping, heartbeat: beat };
  const size = options.maxRecords ?? 100;
  for (let at = 0; at < batch.messages.length; at += size) {
    if (stopping.aborted || !isRunning() || isStale()) return;
    const messages = batch.messages.slice(at, at + size);
    const done = await options.handle(
      messages.map((message) => toIncoming(topic, partition, message)),
      control,
    );
    const last = messages[done - 1];
    if (last !== undefined) {
      resolveOffset(last.offset);
      const offset = String(BigInt(last.offset) + 1n);
      const committing = commitOffsetsIfNecessary({ topics: [{ topic, partitions: [{ partition, offset }] }] });
      await answeredWithin(answerMs, 'the commit of offsets', committing);
      progress();
    }
    if (done < messages.length) return;
    await beat();
  }
  // The next fetch waits for this: what comes meanwhile comes together. Whoever is behind does not rest.
  if (options.gatherMs !== undefined && batch.messages.length < size) {
    await delay(options.gatherMs, undefined, { signal: stopping }).catch(() => {});
  }
}

function toIncoming(
  topic: string,
  partition: number,
  { offset, key, value, headers = {} }: KafkaMessage,
): IncomingRecord {
  const entries = Object.entries(headers).map(([name, header]) => [
    name,
    Array.isArray(header) ? String(header[0]) : String(header),
  ]);
  return {
    topic,
    partition,
    offset: BigInt(offset),
    key: key?.toString('utf8') ?? '',
    value: value ?? Buffer.alloc(0),
    headers: Object.fromEntries(entries) as Record<string, string>,
  };
}

function aborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined);
    else signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
}

/** Resolves when records wait and nothing has moved for a while. */
async function stuck(
  member: Member,
  waiting: () => Promise<bigint>,
  watchdogMs: number,
  stopping: AbortSignal,
): Promise<Error> {
  const over = new AbortController();
  void member.ended.then(() => over.abort());
  const signal = AbortSignal.any([over.signal, stopping]);
  for (;;) {
    await delay(watchdogMs, undefined, { signal, ref: false }).catch(() => {});
    if (signal.aborted) return new Error('ended');
    if (member.silentMs() > watchdogMs && (await waiting().catch(() => 0n)) > 0n)
      return new Error('records wait and nothing moves');
  }
}
