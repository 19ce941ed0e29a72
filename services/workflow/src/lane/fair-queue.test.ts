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

/** A queue of one place, its clock, and who was served. */
function favouring() {
  let now = 0;
  const served: string[] = [];
  const queue = createFairQueue({ places: 1, weightOf: () => 1, now: () => now });
  const serve = (tenantId: string) => queue.run(tenantId, async () => void served.push(tenantId));
  const pass = (ms: number): void => {
    now += ms;
  };
  return { served, serve, favour: queue.favour, pass };
}

test('while one is favoured, nothing of others begins, and everything of it does', async () => {
  const { served, serve, favour } = favouring();
  const release = favour('b');
  const others = [serve('a'), serve('a')];
  await serve('b');
  expect(served.join('')).toBe('b');
  release();
  await Promise.all(others);
  expect(served.join('')).toBe('baa');
});

test('a favour that is not given back ends by itself', async () => {
  const { served, serve, favour } = favouring();
  favour('b');
  await serve('a');
  expect(served.join('')).toBe('a');
});

test('whoever stood still for a favour goes on undisturbed for as long', async () => {
  const { served, serve, favour, pass } = favouring();
  const release = favour('b');
  pass(10);
  release();
  pass(9);
  favour('c');
  await serve('a');
  expect(served.join('')).toBe('a');
  pass(1);
  const again = favour('c');
  const other = serve('a');
  await serve('c');
  expect(served.join('')).toBe('ac');
  again();
  again();
  await other;
});
