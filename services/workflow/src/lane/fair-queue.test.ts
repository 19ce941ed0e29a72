import { expect, test } from 'vitest';
import { createFairQueue } from './fair-queue.ts';

/** Takes what is waiting one by one, and tells in which order tenants were served. */
async function orderOf(waiting: readonly string[], weights: Record<string, number> = {}): Promise<string> {
  const queue = createFairQueue({ places: 1, weightOf: (tenantId) => weights[tenantId] ?? 1 });
  const gate = Promise.withResolvers<void>();
  const first = queue.run('first', () => gate.promise);
  const served: string[] = [];
  const all = waiting.map((tenantId) => queue.run(tenantId, async () => void served.push(tenantId)));
  expect(queue.waiting()).toBe(waiting.length);
  gate.resolve();
  await Promise.all([first, ...all]);
  return served.join('');
}

test('a tenant with one piece of work does not wait for the thousand of another', async () => {
  const order = await orderOf([...'a'.repeat(1000), 'b']);
  expect(order.indexOf('b')).toBeLessThanOrEqual(1);
});

test('tenants take turns, by their weight', async () => {
  expect(await orderOf([...'aaaabbbb'])).toBe('abababab');
  const weighted = (await orderOf([...'aaaabbbbbbbb'], { b: 2 })).slice(0, 6);
  expect([...weighted].filter((tenantId) => tenantId === 'b')).toHaveLength(4);
});

test('no more than the places run at once, and a failure gives its place back', async () => {
  const queue = createFairQueue({ places: 2, weightOf: () => 1 });
  let running = 0;
  let most = 0;
  const results = await Promise.allSettled(
    Array.from({ length: 20 }, (_, index) =>
      queue.run(`t${index % 3}`, async () => {
        running += 1;
        most = Math.max(most, running);
        await new Promise(setImmediate);
        running -= 1;
        if (index % 2 === 0) throw new Error('no');
      }),
    ),
  );
  expect(most).toBe(2);
  expect(results.filter(({ status }) => status === 'rejected')).toHaveLength(10);
  expect(queue.waiting()).toBe(0);
});
