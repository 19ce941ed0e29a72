import { setTimeout as delay } from 'node:timers/promises';
import { createLogger } from '@flotilla/observability';
import type { Admin } from 'kafkajs';
import { brokerUnavailable, createKafkaClient, settledWithin } from './kafka-client.ts';

/** How topics are made. */
export interface TopicShape {
  /** Copies of each partition; 1 on a single broker. */
  readonly replication: number;
  readonly partitions: number;
  readonly retentionHours?: number | undefined;
}

/**
 * Makes the topics that are missing. Existing ones stay as they are. The inbox (14 days) outlives the retention.
 *
 * @example
 * await ensureTopics(['127.0.0.1:7421'], topics.map(({ name }) => name), { replication: 1, partitions: 3 });
 */
export async function ensureTopics(
  brokers: readonly string[],
  topics: readonly string[],
  shape: TopicShape,
): Promise<void> {
  await withAdmin(brokers, (admin) => again(() => makeMissing(admin, topics, shape)));
}

async function makeMissing(admin: Admin, topics: readonly string[], shape: TopicShape): Promise<void> {
  const existing = new Set(await admin.listTopics());
  const missing = [...new Set(topics)].filter((topic) => !existing.has(topic));
  if (missing.length === 0) return;
  await admin.createTopics({
    waitForLeaders: true,
    timeout: 20_000,
    topics: missing.map((topic) => ({
      topic,
      numPartitions: shape.partitions,
      replicationFactor: shape.replication,
      configEntries: [
        { name: 'retention.ms', value: String((shape.retentionHours ?? 7 * 24) * 3_600_000) },
        { name: 'min.insync.replicas', value: String(Math.max(1, shape.replication - 1)) },
        { name: 'max.message.bytes', value: '4194304' },
      ],
    })),
  });
}

/** A busy broker does not know a topic yet that it has just made, and KafkaJS takes that for a failure. */
async function again(work: () => Promise<void>): Promise<void> {
  for (let waitMs = 100; ; waitMs *= 2) {
    try {
      return await work();
    } catch (error) {
      if ((error as { retriable?: unknown }).retriable !== true || waitMs > 5_000) throw error;
      await delay(waitMs);
    }
  }
}

/** Removes topics with all their records: for tests, which make their own. */
export async function dropTopics(brokers: readonly string[], topics: readonly string[]): Promise<void> {
  await withAdmin(brokers, (admin) => admin.deleteTopics({ topics: [...topics], timeout: 20_000 }));
}

async function withAdmin(brokers: readonly string[], work: (admin: Admin) => Promise<void>): Promise<void> {
  const log = createLogger({ service: 'topics', level: 'silent' });
  const admin = createKafkaClient({ brokers, clientId: 'flotilla-topics', log }).admin();
  try {
    await admin.connect();
    await work(admin);
  } catch (error) {
    throw brokerUnavailable(error);
  } finally {
    await settledWithin(5_000, admin.disconnect());
  }
}
