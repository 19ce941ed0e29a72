import { randomUUID } from 'node:crypto';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  type Database,
  expectOneRow,
  type Generated,
  type Int8,
  migrate,
  newId,
  sql,
  type Timestamp,
  type Tx,
  type WriteCall,
} from '../src/index.ts';
import { createLoans, migrationFolder, type ThrowawayDatabase, throwawayDatabase } from './throwaway-database.ts';

interface Schema {
  loans: {
    id: string;
    tenant_id: string;
    slug: string;
    state: Generated<'lent' | 'returned'>;
    revision: Generated<number>;
    event_seq: Generated<Int8>;
    created_at: Generated<Timestamp>;
  };
}

let throwaway: ThrowawayDatabase;
let db: Database<Schema>;
let commits = 0;

beforeAll(async () => {
  throwaway = await throwawayDatabase();
  await migrate({
    url: throwaway.urls.migrator,
    folder: await migrationFolder({ '20261123-create-loans.sql': createLoans }),
  });
  db = throwaway.open<Schema>({
    onCommit: () => commits++,
    conflicts: { loans_slug: ['already_exists', 'SLUG_TAKEN', 'The slug is taken.'] },
  });
});
afterAll(() => throwaway?.drop());

const callOf = (tenantId: string, more: Partial<WriteCall> = {}): WriteCall => ({
  principal: { tenantId, userId: randomUUID(), actor: { type: 'user', id: 'u1' } },
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  ...more,
});
const lend = (tx: Tx<Schema>, slug: string) =>
  tx
    .insertInto('loans')
    .values({ id: newId(), tenant_id: tx.scope.tenantId, slug })
    .returning(['id', 'slug'])
    .executeTakeFirstOrThrow();
const repeatable = (key: string, body: string) => ({
  key,
  requestHash: Buffer.from(body.padEnd(32, '.')),
  method: 'Lend',
  encode: (reply: unknown) => Buffer.from(JSON.stringify(reply)),
  decode: (bytes: Uint8Array): unknown => JSON.parse(Buffer.from(bytes).toString()),
});

test('a transaction knows who acts, and forgets it at its end', async () => {
  const tenantId = randomUUID();
  const setting = (tx: Tx<Schema>) =>
    sql<{
      tenant: string;
      actor: string;
      hostile: string;
    }>`select current_setting('app.current_tenant_id', true) as tenant,
      current_setting('app.actor_id', true) as actor`.execute(tx);
  const call = callOf(tenantId);
  const inside = await db.write(
    { ...call, principal: { ...call.principal, actor: { type: 'user', id: `o'); drop table loans; --\\'` } } },
    setting,
  );
  expect(inside.rows).toEqual([{ tenant: tenantId, actor: `o'); drop table loans; --\\'` }]);
  expect((await db.withoutTenant(setting)).rows).toEqual([{ tenant: '', actor: '' }]);
});

test('a failed body leaves nothing; only a commit that wrote something wakes the relay', async () => {
  const call = callOf(randomUUID());
  const before = commits;
  await expect(
    db.write(call, async (tx) => {
      await lend(tx, 'a');
      throw new Error('no');
    }),
  ).rejects.toThrow('no');
  expect(commits).toBe(before);
  expect(await db.read(call, (tx) => tx.selectFrom('loans').select('id').execute())).toEqual([]);
  await db.write(call, (tx) => lend(tx, 'a'));
  expect(commits).toBe(before + 1);
  await db.write(call, (tx) => tx.selectFrom('loans').select('id').execute());
  await db.withoutTenant((tx) => tx.selectFrom('loans').select('id').execute());
  expect(commits).toBe(before + 1);
});

test('a read cannot write, not even by hand', async () => {
  await expect(
    db.read(callOf(randomUUID()), (tx) =>
      sql`insert into loans (id, tenant_id, slug) values (gen_random_uuid(), gen_random_uuid(), 'x')`.execute(tx),
    ),
  ).rejects.toMatchObject({ code: 'internal' });
});

test('a swallowed statement error cannot pass for a commit', async () => {
  const call = callOf(randomUUID());
  await expect(
    db.write(call, async (tx) => {
      await lend(tx, 'kept');
      await sql`select 1/0`.execute(tx).catch(() => {});
    }),
  ).rejects.toMatchObject({ reason: 'TRANSACTION_NOT_COMMITTED' });
});

test('violated constraints are told by registered reasons, others in general words', async () => {
  const call = callOf(randomUUID());
  await db.write(call, (tx) => lend(tx, 'once'));
  await expect(db.write(call, (tx) => lend(tx, 'once'))).rejects.toMatchObject({
    code: 'already_exists',
    reason: 'SLUG_TAKEN',
  });
  await expect(db.write(call, (tx) => sql`update loans set state = 'odd'`.execute(tx))).rejects.toMatchObject({
    code: 'invalid_argument',
    reason: 'CONSTRAINT_VIOLATED',
  });
  await expect(db.write(call, (tx) => sql`select ${'no uuid'}::uuid`.execute(tx))).rejects.toMatchObject({
    code: 'invalid_argument',
    reason: 'INVALID_VALUE',
  });
});

test('a statement that was only sent fails the whole transaction, and says itself why', async () => {
  const call = callOf(randomUUID());
  const send = (tx: Tx<Schema>, slug: string) =>
    tx.send(tx.insertInto('loans').values({ id: newId(), tenant_id: tx.scope.tenantId, slug }).compile());
  await db.write(call, async (tx) => send(tx, 'sent'));
  for (const after of [async () => {}, (tx: Tx<Schema>) => lend(tx, 'behind it')]) {
    const failing = db.write(call, async (tx) => {
      await lend(tx, 'before it');
      send(tx, 'sent');
      await after(tx);
    });
    await expect(failing).rejects.toMatchObject({ reason: 'SLUG_TAKEN' });
  }
  const rows = await db.read(call, (tx) => tx.selectFrom('loans').select('slug').execute());
  expect(rows).toEqual([{ slug: 'sent' }]);
});

test('a statement skipped behind a failure, and given again before that is known, is no failure of its own', async () => {
  const call = callOf(randomUUID());
  const send = (tx: Tx<Schema>) =>
    tx.send(tx.insertInto('loans').values({ id: newId(), tenant_id: tx.scope.tenantId, slug: 'once' }).compile());
  const count = sql`select count(*) from loans`;
  // From its second use on, a statement is given by a name, which every connection has to learn.
  for (let round = 0; round < 2; round++) await db.read(call, (tx) => count.execute(tx));
  await db.write(call, async (tx) => send(tx));
  const fresh = throwaway.open<Schema>({
    maxConnections: 1,
    conflicts: { loans_slug: ['already_exists', 'SLUG_TAKEN', 'The slug is taken.'] },
  });
  const failing = fresh.write(call, async (tx) => {
    tx.send(sql`select pg_sleep(0.2)`.compile(tx));
    send(tx);
    void tx.ask(count.compile(tx));
    await setImmediate();
    await count.execute(tx);
  });
  await expect(failing).rejects.toMatchObject({ reason: 'SLUG_TAKEN' });
});

test('a statement whose result a migration changed is planned anew', async () => {
  const one = throwaway.open<Schema>({ maxConnections: 1 });
  const table = `planned_${randomUUID().slice(0, 8)}`;
  await throwaway.query('migrator', `create table ${table} as select 1 as n; grant select on ${table} to public`);
  const ask = () => one.read(callOf(randomUUID()), (tx) => sql.raw<object>(`select n from ${table}`).execute(tx));
  for (let round = 0; round < 3; round++) expect((await ask()).rows).toEqual([{ n: 1 }]);
  await throwaway.query('migrator', `alter table ${table} alter n type text`);
  expect((await ask()).rows).toEqual([{ n: '1' }]);
});

test('twenty concurrent calls with one key have one effect and one reply', async () => {
  const tenantId = randomUUID();
  let bodies = 0;
  const replies = await Promise.all(
    Array.from({ length: 20 }, () =>
      db.write(callOf(tenantId, { idempotency: repeatable('k', 'same') }), async (tx) => {
        bodies++;
        return lend(tx, 'one');
      }),
    ),
  );
  expect(new Set(replies.map(({ id }) => id)).size).toBe(1);
  expect(bodies).toBe(1);
});

test('a key is refused for another request, is nobody else’s, and a rollback forgets it', async () => {
  const call = callOf(randomUUID(), { idempotency: repeatable('k', 'same') });
  await expect(
    db.write(call, async (tx) => {
      await lend(tx, 'x');
      throw new Error('later');
    }),
  ).rejects.toThrow('later');
  await db.write(call, (tx) => lend(tx, 'x'));
  await expect(
    db.write({ ...call, idempotency: repeatable('k', 'other') }, (tx) => lend(tx, 'y')),
  ).rejects.toMatchObject({ code: 'invalid_argument', reason: 'IDEMPOTENCY_KEY_REUSED' });
  const other = await db.write(callOf(randomUUID(), { idempotency: repeatable('k', 'other') }), (tx) => lend(tx, 'y'));
  expect(other.slug).toBe('y');
});

test('a lost update is refused', async () => {
  const call = callOf(randomUUID());
  const { id } = await db.write(call, (tx) => lend(tx, 'r'));
  const save = () =>
    db.write(call, async (tx) =>
      expectOneRow(
        await tx
          .updateTable('loans')
          .set((eb) => ({ state: 'returned', revision: eb('revision', '+', 1) }))
          .where('id', '=', id)
          .where('revision', '=', 1)
          .executeTakeFirst(),
      ),
    );
  const outcomes = await Promise.allSettled([save(), save()]);
  expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  expect(outcomes.find(({ status }) => status === 'rejected')).toMatchObject({
    reason: { code: 'aborted', reason: 'REVISION_MISMATCH' },
  });
});

test('a deadlock runs again and both get through', async () => {
  const call = callOf(randomUUID());
  const [a, b] = await Promise.all([db.write(call, (tx) => lend(tx, 'a')), db.write(call, (tx) => lend(tx, 'b'))]);
  let first = 0;
  const touch = async (ids: readonly string[]) =>
    db.write(call, async (tx) => {
      for (const id of ids) {
        await sql`update loans set event_seq = event_seq + 1 where id = ${id}`.execute(tx);
        first++;
        // Both hold their first row before either asks for its second.
        while (first < 2) await sql`select pg_sleep(0.01)`.execute(tx);
      }
    });
  await Promise.all([touch([a.id, b.id]), touch([b.id, a.id])]);
  expect(first).toBeGreaterThan(4);
  const rows = await db.read(call, (tx) => tx.selectFrom('loans').select('event_seq').execute());
  expect(rows).toEqual([{ event_seq: 2n }, { event_seq: 2n }]);
});

test('a statement ends with the deadline of its call', async () => {
  const call = callOf(randomUUID(), { deadline: new Date(Date.now() + 200) });
  await expect(db.write(call, (tx) => sql`select pg_sleep(10)`.execute(tx))).rejects.toMatchObject({
    code: 'deadline_exceeded',
  });
  await expect(
    db.write({ ...call, deadline: new Date(Date.now() - 1) }, (tx) => lend(tx, 'late')),
  ).rejects.toMatchObject({ code: 'deadline_exceeded' });
  await db.ping();
});

test('a terminated connection is replaced; the call that lost it is told unavailable', async () => {
  const call = callOf(randomUUID());
  await expect(
    db.write(call, (tx) => sql`select pg_terminate_backend(pg_backend_pid())`.execute(tx)),
  ).rejects.toMatchObject({ code: 'unavailable' });
  await db.write(call, (tx) => lend(tx, 'again'));
});

test('a server that falls silent holds no call beyond its deadline', async () => {
  const server = new URL(throwaway.urls.app);
  let silent = false;
  const sockets = new Set<Socket>();
  const proxy = createServer((near) => {
    const far = connect(Number(server.port), server.hostname);
    for (const socket of [near, far]) sockets.add(socket.on('error', () => {}));
    near.on('data', (chunk) => silent || far.write(chunk));
    far.on('data', (chunk) => silent || near.write(chunk));
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const through = new URL(server);
  through.port = String((proxy.address() as AddressInfo).port);
  const silenced = throwaway.open<Schema>({ url: through.href, maxConnections: 1 });
  await silenced.ping();
  silent = true;
  // Once on the connection that fell silent, once while a new one is sought.
  for (let round = 0; round < 2; round++) {
    const before = performance.now();
    const call = callOf(randomUUID(), { deadline: new Date(Date.now() + 300) });
    await expect(silenced.read(call, (tx) => tx.selectFrom('loans').select('id').execute())).rejects.toMatchObject({
      code: expect.stringMatching(/deadline_exceeded|unavailable/),
    });
    expect(performance.now() - before).toBeLessThan(2_000);
  }
  silent = false;
  for (const socket of sockets) socket.destroy();
  await expect
    .poll(
      () =>
        silenced.ping().then(
          () => 'well',
          () => 'ill',
        ),
      { timeout: 10_000 },
    )
    .toBe('well');
  await silenced.close();
  for (const socket of sockets) socket.destroy();
  proxy.close();
});

test('who finds every connection in use is told so, and not that the database is away', async () => {
  const narrow = throwaway.open<Schema>({ maxConnections: 1 });
  const hurried = callOf(randomUUID(), { deadline: new Date(Date.now() + 300) });
  await narrow.withoutTenant(async () => {
    const second = narrow.read(hurried, (tx) => tx.selectFrom('loans').select('id').execute());
    await expect(second).rejects.toMatchObject({ code: 'unavailable', reason: 'DATABASE_BUSY' });
  });
  expect(await narrow.read(callOf(randomUUID()), (tx) => tx.selectFrom('loans').select('id').execute())).toEqual([]);
});

test('a pooled session keeps nothing of a transaction: a pooler in transaction mode may hand it to anybody', async () => {
  const pooled = throwaway.open<Schema>({ maxConnections: 1 });
  const tenantId = randomUUID();
  const stateOf = (tx: Tx<Schema>) =>
    sql`select
      (select jsonb_object_agg(name, setting) from pg_settings where source = 'session') as settings,
      (select count(*) from pg_cursors where name <> '') + (select count(*) from pg_listening_channels()) as things,
      (select count(*) from pg_prepared_statements where statement like ${`%${tenantId}%`}) as remembered,
      (select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()) as locks,
      (select count(*) from pg_class where relpersistence = 't') as temporary,
      concat(current_setting('app.current_tenant_id', true), current_setting('app.current_user_id', true),
        current_setting('app.actor_id', true), current_setting('app.traceparent', true)) as identity,
      current_setting('statement_timeout') as timeout`.execute(tx);
  const fresh = (await pooled.withoutTenant(stateOf)).rows;
  const call = callOf(tenantId, { deadline: new Date(Date.now() + 5_000), idempotency: repeatable('k', 'same') });
  await pooled.write(call, (tx) => lend(tx, 'a'));
  await pooled.write(call, (tx) => lend(tx, 'a'));
  await pooled.read(call, (tx) => tx.selectFrom('loans').select('id').execute());
  await pooled.write({ ...call, idempotency: undefined }, (tx) => lend(tx, 'a')).catch(() => {});
  expect((await pooled.withoutTenant(stateOf)).rows).toEqual(fresh);
  expect(fresh).toMatchObject([{ things: 0n, remembered: 0n, locks: 0n, temporary: 0n, identity: '' }]);
});
