import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Generated, Int8 } from '@flotilla/postgres';

/** Both sides' tables: the writer's aggregates, and what the bare consumer keeps for an inbox. */
export interface Tables {
  agents: { id: string; tenant_id: string; name: string; event_seq: Generated<Int8> };
}

const sql = `
create table agents (id uuid primary key, tenant_id uuid not null, name text not null,
  revision integer not null default 1, event_seq bigint not null default 0);
select protect_tenant_table('agents');
create table bare_inbox (id uuid primary key, received_at timestamptz not null default now());
`;
const down = 'drop table bare_inbox; drop table agents;';

/** A folder with the migration that makes them. */
export async function writeMigrations(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'flotilla-bench-'));
  await writeFile(join(folder, '20261123100000-create-agents.sql'), sql);
  await writeFile(join(folder, '20261123100000-create-agents.down.sql'), down);
  return folder;
}
