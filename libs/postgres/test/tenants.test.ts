import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Database, type Generated, migrate, sql } from '../src/index.ts';
import { migrationFolder, type ThrowawayDatabase, throwawayDatabase } from './throwaway-database.ts';

interface Schema {
  shelves: { id: string; tenant_id: string; name: string };
  books: { id: string; tenant_id: string; shelf_id: string; title: string; owner_id: Generated<string | null> };
}

let database: ThrowawayDatabase;
let db: Database<Schema>;
const tables = `
create table shelves (id uuid primary key, tenant_id uuid not null, name text not null, unique (tenant_id, id));
create unique index shelves_name on shelves (tenant_id, name);
select protect_tenant_table('shelves');
create table books (id uuid primary key, tenant_id uuid not null, shelf_id uuid not null, title text not null, owner_id uuid,
  foreign key (tenant_id, shelf_id) references shelves (tenant_id, id));
select protect_tenant_table('books');
create table diaries (id uuid primary key, tenant_id uuid not null, owner_id uuid not null);
select protect_tenant_table('diaries');
select protect_user_rows('diaries', 'owner_id');
create function shelf_of(p_name text) returns setof shelves language sql stable security definer set search_path = pg_catalog, public, pg_temp
  as 'select * from shelves where name = p_name limit 1';
select allow_app('shelf_of(text)');
`;

beforeAll(async () => {
  database = await throwawayDatabase();
  await migrate({ url: database.urls.migrator, folder: await migrationFolder({ '20261123-create.sql': tables }) });
  db = database.open<Schema>();
});
afterAll(() => database?.drop());

const scope = (tenantId: string, userId?: string) => ({ tenantId, userId, actor: { type: 'user', id: 'u' } });

test('random tenants never see, count, join, change or collide with each other’s rows', async () => {
  const name = fc.constantFrom('a', 'b', 'c');
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ tenant: fc.nat(2), name }), { minLength: 1, maxLength: 12 }),
      async (wishes) => {
        const tenants: string[] = [randomUUID(), randomUUID(), randomUUID()];
        const model = new Map(tenants.map((tenant) => [tenant, new Map<string, string>()]));
        for (const wish of wishes) {
          const tenantId = tenants[wish.tenant] ?? '';
          const id = randomUUID();
          const insert = db.inTenant(scope(tenantId), async (tx) => {
            await tx.insertInto('shelves').values({ id, tenant_id: tenantId, name: wish.name }).execute();
            await tx
              .insertInto('books')
              .values({ id: randomUUID(), tenant_id: tenantId, shelf_id: id, title: wish.name })
              .execute();
          });
          // A name collides inside of a tenant only.
          if (model.get(tenantId)?.has(wish.name)) await expect(insert).rejects.toMatchObject({ reason: 'CONFLICT' });
          else {
            await insert;
            model.get(tenantId)?.set(wish.name, id);
          }
        }
        for (const [tenantId, shelves] of model) {
          const others = [...model]
            .filter(([other]) => other !== tenantId)
            .flatMap(([, theirs]) => [...theirs.values()]);
          await db.inTenant(scope(tenantId), async (tx) => {
            const seen = await tx.selectFrom('shelves').select(['id', 'tenant_id']).execute();
            expect(seen.map(({ id }) => id).sort()).toEqual([...shelves.values()].sort());
            const { rows } = await sql<{
              shelves: bigint;
              joined: bigint;
            }>`select (select count(*) from shelves) as shelves,
            (select count(*) from shelves s join books b on b.shelf_id = s.id) as joined`.execute(tx);
            expect(rows).toEqual([{ shelves: BigInt(shelves.size), joined: BigInt(shelves.size) }]);
            for (const id of others) {
              expect((await sql`update shelves set name = 'stolen' where id = ${id}`.execute(tx)).numAffectedRows).toBe(
                0n,
              );
              expect((await sql`delete from books where shelf_id = ${id}`.execute(tx)).numAffectedRows).toBe(0n);
            }
          });
          for (const id of others.slice(0, 2)) {
            // Neither a row for somebody else nor a reference to somebody else's row.
            await expect(
              db.inTenant(scope(tenantId), (tx) =>
                tx.insertInto('shelves').values({ id: randomUUID(), tenant_id: randomUUID(), name: 'x' }).execute(),
              ),
            ).rejects.toMatchObject({ code: 'internal' });
            await expect(
              db.inTenant(scope(tenantId), (tx) =>
                tx
                  .insertInto('books')
                  .values({ id: randomUUID(), tenant_id: tenantId, shelf_id: id, title: 'x' })
                  .execute(),
              ),
            ).rejects.toMatchObject({ reason: 'CONFLICT' });
          }
        }
      },
    ),
    { numRuns: 15, seed: 20261123 },
  );
});

test('without a tenant nothing is seen or written; a definer look-up answers one row', async () => {
  const tenantId = randomUUID();
  await db.inTenant(scope(tenantId), (tx) =>
    tx.insertInto('shelves').values({ id: randomUUID(), tenant_id: tenantId, name: 'known' }).execute(),
  );
  await db.withoutTenant(async (tx) => {
    expect(await tx.selectFrom('shelves').select('id').execute()).toEqual([]);
    expect((await sql`select tenant_id from shelf_of('known')`.execute(tx)).rows).toEqual([{ tenant_id: tenantId }]);
  });
  await expect(
    db.withoutTenant((tx) =>
      tx.insertInto('shelves').values({ id: randomUUID(), tenant_id: tenantId, name: 'y' }).execute(),
    ),
  ).rejects.toMatchObject({ code: 'internal' });
  await expect(db.inTenant(scope(''), async () => {})).rejects.toMatchObject({ reason: 'TENANT_MISSING' });
  await expect(
    db.inTenant(scope(`x' or true --`), async (tx) => tx.selectFrom('shelves').select('id').execute()),
  ).rejects.toMatchObject({ code: 'invalid_argument' });
});

test('rows of a person are theirs alone once the transaction acts for somebody', async () => {
  const tenantId = randomUUID();
  const [anna, ben] = [randomUUID(), randomUUID()];
  const write = (userId: string, ownerId: string) =>
    db.inTenant(scope(tenantId, userId), (tx) =>
      sql`insert into diaries values (gen_random_uuid(), ${tenantId}, ${ownerId})`.execute(tx),
    );
  await write(anna, anna);
  await write(ben, ben);
  await expect(write(ben, anna)).rejects.toMatchObject({ code: 'internal' });
  const count = (userId?: string) =>
    db.inTenant(scope(tenantId, userId), async (tx) => (await sql`select from diaries`.execute(tx)).rows.length);
  expect([await count(anna), await count(ben), await count(randomUUID()), await count()]).toEqual([1, 1, 0, 2]);
});
