import type { Metrics } from '@flotilla/observability';
import type { Admin, Kafka } from 'kafkajs';
import type { Lag, Subscription, SubscriptionOptions, Transport } from '../transport.ts';
import {
  answeredWithin,
  brokerUnavailable,
  createKafkaClient,
  type KafkaOptions,
  settledWithin,
} from './kafka-client.ts';
import { createPublisher } from './publisher.ts';
import { subscribe } from './subscription.ts';

/** What the Kafka transport is made with. */
export interface KafkaTransportOptions extends KafkaOptions {
  readonly metrics?: Metrics | undefined;
  /** After so long without progress, while records wait, a subscription is made anew. */
  readonly watchdogMs?: number | undefined;
  /** Before every topic and group on the broker, so that several fleets can share it; nobody else sees it. */
  readonly prefix?: string | undefined;
}

/** The transport on KafkaJS. Connects when first used; nothing is created on the broker. */
export function createKafkaTransport(options: KafkaTransportOptions): Transport {
  const kafka = createKafkaClient(options);
  const publisher = createPublisher(kafka);
  const admin = sharedAdmin(kafka);
  const subscriptions = new Set<Subscription>();
  const publishSeconds = options.metrics?.histogram('broker_publish_seconds', 'Time until a batch is acknowledged.');

  const { prefix = '' } = options;

  const lag = async (group: string, topics: readonly string[]): Promise<Lag> => ({
    records: await admin.use((client) =>
      recordsBehind(
        client,
        prefix + group,
        topics.map((topic) => prefix + topic),
      ),
    ),
  });
  return {
    async publish(batch) {
      const end = publishSeconds?.startTimer();
      await publisher.publish(
        prefix === '' ? batch : batch.map((record) => ({ ...record, topic: prefix + record.topic })),
      );
      end?.();
    },
    subscribe(wanted) {
      const prefixed: SubscriptionOptions = {
        ...wanted,
        group: prefix + wanted.group,
        topics: wanted.topics.map((topic) => prefix + topic),
        handle: (records, control) =>
          wanted.handle(
            records.map((record) => ({ ...record, topic: record.topic.slice(prefix.length) })),
            control,
          ),
      };
      const subscription = subscribe(prefixed, {
        kafka,
        log: options.log,
        waiting: async () => (await lag(wanted.group, wanted.topics)).records,
        watchdogMs: options.watchdogMs ?? 30_000,
      });
      const tracked: Subscription = {
        joined: subscription.joined,
        async stop(graceMs) {
          subscriptions.delete(tracked);
          await subscription.stop(graceMs);
        },
      };
      subscriptions.add(tracked);
      return tracked;
    },
    lag,
    async ping() {
      await admin.use((client) => client.describeCluster());
    },
    async close() {
      await Promise.all([...subscriptions].map((subscription) => subscription.stop()));
      await Promise.all([publisher.close(), admin.close()]);
    },
  };
}

async function recordsBehind(admin: Admin, group: string, topics: readonly string[]): Promise<bigint> {
  const committed = await admin.fetchOffsets({ groupId: group, topics: [...topics] });
  const behind = await Promise.all(
    committed.map(async ({ topic, partitions }) => {
      const done = new Map(partitions.map(({ partition, offset }) => [partition, BigInt(offset)]));
      const ends = await admin.fetchTopicOffsets(topic);
      return ends.map(({ partition, high, low }) => {
        const at = done.get(partition) ?? -1n;
        const lag = BigInt(high) - (at < 0n ? BigInt(low) : at);
        return lag > 0n ? lag : 0n;
      });
    }),
  );
  return behind.flat().reduce((sum, lag) => sum + lag, 0n);
}

/** One admin connection, made anew after a failure. */
function sharedAdmin(kafka: Kafka) {
  let current: Promise<Admin> | undefined;
  const connect = async () => {
    const admin = kafka.admin();
    await admin.connect();
    return admin;
  };
  return {
    async use<T>(work: (admin: Admin) => Promise<T>): Promise<T> {
      current ??= connect();
      const connecting = current;
      try {
        return await answeredWithin(15_000, 'the broker', connecting.then(work));
      } catch (error) {
        if (current === connecting) current = undefined;
        void connecting.then((admin) => admin.disconnect()).catch(() => {});
        throw brokerUnavailable(error);
      }
    },
    async close() {
      const connecting = current;
      current = undefined;
      if (connecting)
        await settledWithin(
          5_000,
          connecting.then((admin) => admin.disconnect()),
        );
    },
  };
}
