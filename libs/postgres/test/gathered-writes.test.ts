import { randomUUID } from 'node:crypto';
import { AppError } from '@flotilla/errors';
import { newTraceparent } from '@flotilla/observability';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createGatheredWrites, type Database, sql, type Tx } from '../src/index.ts';
import { type ThrowawayDatabase, throwawayDatabase } from './throwaway-database.ts';

interface Schema {
  readonly [table: string]: never;
}

let throwaway: ThrowawayDatabase;
let db: Database<Schema>;
beforeAll(async () => {
  throwaway = await throwawayDatabase();
  db = throwaway.open<Schema>();
});
afterAll(() => throwaway?.drop());

const transactionOf = async (tx: Tx<Schema>) => {
  const { rows } = await sql<{ id: string }>`select pg_current_xact_id()::text as id`.execute(tx);
  return { id: rows[0]?.id, traceparent: tx.scope.traceparent };
};

interface Terms {
  readonly lane?: string;
  readonly deadline?: Date;
}

/** A lane whose first transaction is held open until the rest has come. */
function startLane(options: { readonly sideBySide?: boolean } = {}) {
  const { write } = createGatheredWrites(db, options);
  const tenantId = randomUUID();
  const opened = Promise.withResolvers<void>();
  const isOver = Promise.withResolvers<void>();
  const wish = <T>(body: (tx: Tx<Schema>) => Promise<T>, { lane = 'lane', deadline }: Terms = {}) => {
    const traceparent = newTraceparent();
    const scope = { tenantId, actor: { type: 'user', id: 'u' }, traceparent };
    return { traceparent, written: write({ scope, lane, deadline, body }) };
  };
  const first = wish(async (tx) => {
    opened.resolve();
    await isOver.promise;
    return transactionOf(tx);
  });
  return { first, wish, opened: opened.promise, release: () => isOver.resolve() };
}

test('what comes while a transaction is on its way shares the next one; each keeps its trace, other lanes wait for nobody', async () => {
  const { first, wish, opened, release } = startLane();
  await opened;
  const rest = [wish(transactionOf), wish(transactionOf)];
  const other = await wish(transactionOf, { lane: 'other' }).written;
  release();
  const [one, two, three] = await Promise.all([first, ...rest].map(({ written }) => written));
  expect(two?.id).toBe(three?.id);
  expect(new Set([one?.id, two?.id, other.id]).size).toBe(3);
  expect([two, three].map((found) => found?.traceparent)).toEqual(rest.map(({ traceparent }) => traceparent));
});

test('side by side, one does not wait until another has its answers', async () => {
  const { first, wish, opened, release } = startLane({ sideBySide: true });
  await opened;
  const met = Promise.withResolvers<void>();
  const waits = wish(async (tx) => {
    await met.promise;
    return transactionOf(tx);
  });
  const meets = wish(async (tx) => {
    met.resolve();
    return transactionOf(tx);
  });
  release();
  await first.written;
  expect((await waits.written).id).toBe((await meets.written).id);
});

test.each([false, true])(
  'what one of them meets is its own affair: the others are written without it',
  async (sideBySide) => {
    const { first, wish, opened, release } = startLane({ sideBySide });
    await opened;
    const good = wish(transactionOf);
    const refused = wish(async (tx) => {
      await transactionOf(tx);
      throw new AppError('failed_precondition', 'REFUSED', 'No.');
    });
    const broken = wish((tx) => sql`select 1 / 0`.execute(tx));
    const outcomes = Promise.allSettled([good.written, refused.written, broken.written]);
    release();
    await first.written;
    expect(await outcomes).toMatchObject([
      { status: 'fulfilled', value: { id: expect.stringMatching(/^\d+$/) } },
      { status: 'rejected', reason: { reason: 'REFUSED' } },
      { status: 'rejected', reason: { code: 'invalid_argument' } },
    ]);
  },
);

test('whoever has no time left is told so, and the others go on', async () => {
  const { first, wish, opened, release } = startLane();
  await opened;
  const late = wish(transactionOf, { deadline: new Date(Date.now() - 1) });
  const good = wish(transactionOf);
  const outcomes = Promise.allSettled([late.written, good.written]);
  release();
  await first.written;
  expect(await outcomes).toMatchObject([
    { status: 'rejected', reason: { code: 'deadline_exceeded' } },
    { status: 'fulfilled', value: { traceparent: good.traceparent } },
  ]);
});

test('where the commit may have come through, nothing is written again', async () => {
  const { first, wish, opened, release } = startLane();
  await opened;
  let runs = 0;
  const one = wish(async (tx) => {
    runs += 1;
    return transactionOf(tx);
  });
  const two = wish(async () => {
    throw new AppError('unavailable', 'DATABASE_UNAVAILABLE', 'Gone.');
  });
  const outcomes = Promise.allSettled([one.written, two.written]);
  release();
  await first.written;
  expect(await outcomes).toMatchObject([
    { status: 'rejected', reason: { code: 'unavailable' } },
    { status: 'rejected', reason: { code: 'unavailable' } },
  ]);
  expect(runs).toBe(1);
});
