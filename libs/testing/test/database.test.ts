import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { testDatabase } from '../src/database.ts';

test('clones of one template are separate, protected and reachable by the roles', async () => {
  const migrations = await mkdtemp(join(tmpdir(), 'migrations-'));
  await writeFile(
    join(migrations, '20261123-create-loans.sql'),
    `create table loans (id uuid primary key, tenant_id uuid not null, revision integer not null default 1);
     select protect_tenant_table('loans');`,
  );
  const options = { service: 't-template', migrations, capture: [{ domain: 't', table: 'loans', columns: ['id'] }] };
  const [a, b] = await Promise.all([testDatabase(options), testDatabase(options)]);
  try {
    await a.query('insert into loans values (gen_random_uuid(), gen_random_uuid())');
    expect(await a.query('select topic from outbox')).toEqual([{ topic: 'flotilla.t.changes.v1' }]);
    expect(await b.query('select from loans')).toEqual([]);
  } finally {
    await Promise.all([a.drop(), b.drop()]);
  }
});
