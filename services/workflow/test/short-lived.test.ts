import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createLogger, newTraceparent, withTraceparent } from '@flotilla/observability';
import { createDatabase, newId, sql } from '@flotilla/postgres';
import { testDatabase } from '@flotilla/testing';
import { expect, test } from 'vitest';

// What a lane does hundreds of times a second must be gone with the next small collection: what stays until a full one is
// copied twice, and the whole process stands still for as long.

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc') as (options: { readonly type: 'minor' | 'major' }) => void;
const log = createLogger({ service: 'test', level: 'silent' });
/** Of 200 of them ten megabytes. */
const payload = (): string => `${Math.random()}`.padEnd(50_000, '.').replaceAll('.', '-');

/** Megabytes that small collections leave of what was done, and a full one takes. */
async function keptOf(work: () => Promise<unknown>, times = 200): Promise<number> {
  const workOften = async () => {
    for (let time = 0; time < times; time += 1) await work();
  };
  await workOften();
  gc({ type: 'major' });
  await workOften();
  for (let small = 0; small < 3; small += 1) gc({ type: 'minor' });
  const before = process.memoryUsage().heapUsed;
  gc({ type: 'major' });
  return (before - process.memoryUsage().heapUsed) / 1e6;
}

test('the values of a transaction', async () => {
  const database = await testDatabase({
    service: 'workflow',
    domain: 'workflow',
    migrations: new URL('../src/db/migrations', import.meta.url).pathname,
  });
  const db = createDatabase({ url: database.appUrl, maxConnections: 2, applicationName: 'short-lived', log });
  const scope = { tenantId: newId(), actor: { type: 'service', id: 'test' } };
  const kept = await keptOf(() =>
    db.inTenant(scope, async (tx) => {
      await sql`select length(${payload()}::text)`.execute(tx);
    }),
  );
  await db.close();
  await database.drop();
  expect(kept).toBeLessThan(2);
});

test('the trace that something is done in', async () => {
  const kept = await keptOf(() => withTraceparent(newTraceparent(), 'step', () => Promise.resolve()), 5_000);
  expect(kept).toBeLessThan(2);
});
