import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { IncomingRecord, SubscriptionOptions, Transport } from '../src/index.ts';
import { eventually } from './eventually.ts';

/** What a test of an adapter needs to know about it. */
export interface TransportUnderTest {
  open(): Transport;
  /** Makes a topic of three partitions. */
  makeTopic(name: string): Promise<void>;
  dropTopics(names: readonly string[]): Promise<void>;
}

/** What every adapter of the transport port promises. */
export function transportContract({ open, makeTopic, dropTopics }: TransportUnderTest): void {
  let transport: Transport;
  const topics: string[] = [];
  beforeAll(() => {
    transport = open();
  });
  afterAll(async () => {
    await transport?.close();
    await dropTopics(topics);
  });

  const unique = (name: string) => `${name}-${randomBytes(5).toString('hex')}`;
  const newTopic = async () => {
    const topic = unique('contract');
    topics.push(topic);
    await makeTopic(topic);
    return topic;
  };
  const recordOf = (topic: string, key: string, text: string) => ({
    topic,
    key,
    value: Buffer.from(text),
    headers: { a: 'ä' },
  });
  const publishNumbers = async (topic: string, keys: readonly string[], from: number, to: number) => {
    for (let n = from; n < to; n += 20) {
      const numbers = Array.from({ length: Math.min(20, to - n) }, (_, i) => n + i);
      await transport.publish(numbers.flatMap((number) => keys.map((key) => recordOf(topic, key, String(number)))));
    }
  };
  /** The first arrival of each record, by key: repetition is allowed, overtaking is not. */
  const firstArrivals = (records: readonly IncomingRecord[]) => {
    const byKey = new Map<string, number[]>();
    for (const { key, value } of records) {
      const number = Number(Buffer.from(value).toString());
      const seen = byKey.get(key) ?? [];
      if (!seen.includes(number)) byKey.set(key, [...seen, number]);
    }
    return byKey;
  };
  const upTo = (count: number) => Array.from({ length: count }, (_, i) => i);
  const collect = async (
    topic: string,
    group: string,
    more: Partial<SubscriptionOptions> = {},
    on: Transport = transport,
  ) => {
    const records: IncomingRecord[] = [];
    const subscription = on.subscribe({
      group,
      topics: [topic],
      handle: async (batch) => {
        records.push(...batch);
        return batch.length;
      },
      ...more,
    });
    await subscription.joined;
    return { records, subscription };
  };

  test('records of a key arrive in their order, whole, with key and headers, from the oldest on', async () => {
    const topic = await newTopic();
    const keys = ['a', 'b', 'c', 'd', 'e'];
    await publishNumbers(topic, keys, 0, 50);
    const { records, subscription } = await collect(topic, unique('group'));
    await publishNumbers(topic, keys, 50, 200);
    await eventually(() => expect(records.length).toBe(1000));
    for (const key of keys) expect(firstArrivals(records).get(key)).toEqual(upTo(200));
    expect(records[0]?.headers).toEqual({ a: 'ä' });
    await subscription.stop();
  });

  test('members that come and go share the work: nothing is lost, no key is overtaken', async () => {
    const topic = await newTopic();
    const group = unique('group');
    const keys = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
    const arrivals: IncomingRecord[] = [];
    const share = async (batch: readonly IncomingRecord[]) => {
      arrivals.push(...batch);
      return batch.length;
    };
    const others = [open(), open()];
    const first = await collect(topic, group, { handle: share, maxRecords: 10 });
    await publishNumbers(topic, keys, 0, 60);
    const second = await collect(topic, group, { handle: share, maxRecords: 10 }, others[0]);
    await publishNumbers(topic, keys, 60, 120);
    await first.subscription.stop();
    const third = await collect(topic, group, { handle: share, maxRecords: 10 }, others[1]);
    await publishNumbers(topic, keys, 120, 180);
    await eventually(() => {
      for (const key of keys) expect(firstArrivals(arrivals).get(key)).toEqual(upTo(180));
    }, 40_000);
    await eventually(async () => expect(await transport.lag(group, [topic])).toEqual({ records: 0n }));
    await Promise.all([second.subscription.stop(), third.subscription.stop(), ...others.map((other) => other.close())]);
  });

  test('what a handler does not call done, or fails at, comes again; the rest does not', async () => {
    const topic = await newTopic();
    const numbers: number[] = [];
    let refusals = 0;
    const { subscription } = await collect(topic, unique('group'), {
      handle: async (batch) => {
        let done = 0;
        for (const { value } of batch) {
          const number = Number(Buffer.from(value).toString());
          if (number === 7 && refusals++ < 3) {
            if (refusals === 2) throw new Error('failed');
            return done;
          }
          numbers.push(number);
          done++;
        }
        return done;
      },
    });
    await publishNumbers(topic, ['k'], 0, 20);
    await eventually(() => expect(new Set(numbers)).toEqual(new Set(upTo(20))));
    expect(numbers.filter((number) => number === 7)).toHaveLength(1);
    expect(numbers.slice(0, 7)).toEqual(upTo(7));
    await subscription.stop();
  });

  test('a slow handler is not flooded: it holds one portion for each partition it works on', async () => {
    const topic = await newTopic();
    const gate = Promise.withResolvers<void>();
    let held = 0;
    let arrived = 0;
    const { subscription } = await collect(topic, unique('group'), {
      maxRecords: 50,
      concurrency: 2,
      handle: async (batch, control) => {
        held += batch.length;
        arrived += batch.length;
        await Promise.race([gate.promise, new Promise((resolve) => control.signal.addEventListener('abort', resolve))]);
        held -= batch.length;
        return batch.length;
      },
    });
    const filling = 'x'.repeat(2_000);
    for (let n = 0; n < 20; n++) {
      await transport.publish(Array.from({ length: 200 }, (_, i) => recordOf(topic, `k${i}`, filling)));
      expect(held).toBeLessThanOrEqual(100);
    }
    gate.resolve();
    await eventually(() => expect(arrived).toBe(4_000));
    await subscription.stop();
  });

  test('a subscription closes in time, also when its handler does not hear; what was in hand comes again', async () => {
    const topic = await newTopic();
    const group = unique('group');
    const started = Promise.withResolvers<void>();
    const deaf = await collect(topic, group, {
      handle: async () => {
        started.resolve();
        return new Promise<number>(() => {});
      },
    });
    await publishNumbers(topic, ['k'], 0, 5);
    await started.promise;
    const before = performance.now();
    await deaf.subscription.stop(500);
    expect(performance.now() - before).toBeLessThan(5_000);
    const next = await collect(topic, group);
    await eventually(() => expect(firstArrivals(next.records).get('k')).toEqual(upTo(5)), 40_000);
    const hearing = performance.now();
    await next.subscription.stop();
    expect(performance.now() - hearing).toBeLessThan(5_000);
  });

  test('lag counts what a group has not done, also for a group that never was', async () => {
    const topic = await newTopic();
    await publishNumbers(topic, ['a', 'b'], 0, 10);
    expect(await transport.lag(unique('group'), [topic])).toEqual({ records: 20n });
  });

  test('publishing to a topic that does not exist fails and makes none', async () => {
    await expect(transport.publish([recordOf(unique('missing'), 'k', 'v')])).rejects.toMatchObject({
      code: 'unavailable',
      reason: 'BROKER_UNAVAILABLE',
    });
    await transport.ping();
  });
}
