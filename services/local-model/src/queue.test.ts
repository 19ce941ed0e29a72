import { expect, test } from 'vitest';
import { createQueue, QueueFull } from './queue.ts';

const never = new AbortController().signal;

test('jobs run one at a time, in order', async () => {
  const queue = createQueue(8);
  const log: string[] = [];
  const job = (name: string) => async () => {
    log.push(`${name} starts`);
    await Promise.resolve();
    log.push(`${name} ends`);
  };
  await Promise.all([queue.run(never, job('a')), queue.run(never, job('b'))]);
  expect(log).toEqual(['a starts', 'a ends', 'b starts', 'b ends']);
});

test('one more than fits is refused with a time to come back, and a place freed is a place', async () => {
  const queue = createQueue(1);
  const gate = Promise.withResolvers<void>();
  const running = queue.run(never, () => gate.promise);
  const waiting = queue.run(never, async () => 'second');
  await expect(queue.run(never, async () => 'third')).rejects.toMatchObject({ retryAfterSeconds: 1 });
  expect(() => queue.reserve()).toThrow(QueueFull);
  gate.resolve();
  await running;
  expect(await waiting).toBe('second');
  expect(await queue.run(never, async () => 'third')).toBe('third');
});

test('a job that was given up while it waited never starts, and a failed one blocks nobody', async () => {
  const queue = createQueue(8);
  const gate = Promise.withResolvers<void>();
  const running = queue.run(never, () => gate.promise);
  const caller = new AbortController();
  let started = false;
  const waiting = queue.run(caller.signal, async () => {
    started = true;
  });
  caller.abort();
  gate.reject(new Error('broken'));
  await expect(running).rejects.toThrow('broken');
  await expect(waiting).rejects.toThrow();
  expect(started).toBe(false);
  expect(await queue.run(never, async () => 'next')).toBe('next');
});
