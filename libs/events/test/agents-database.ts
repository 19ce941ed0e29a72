import { randomBytes } from 'node:crypto';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AgentCreatedSchema, AgentUpdatedSchema } from '@flotilla/contracts/agent';
import { createLogger } from '@flotilla/observability';
import {
  createDatabase,
  type Database,
  type Generated,
  type Int8,
  migrate,
  newId,
  provisionDatabase,
  type RoleKind,
  roleKinds,
  roleName,
  sql,
} from '@flotilla/postgres';
import pg from 'pg';
import { appendEvent } from '../src/index.ts';
import { superuserUrl } from './config.ts';

export interface Schema {
  agents: { id: string; tenant_id: string; name: string; secret: string | null; event_seq: Generated<Int8> };
  /** What a consumer did: one row for each time. */
  effects: { id: string; tenant_id: string; agent_id: string; event_seq: Int8; note: string };
}

export const log = createLogger({ service: 'test', level: 'silent' });

const tables = `
create table agents (id uuid primary key, tenant_id uuid not null, name text not null, secret text,
  revision integer not null default 1, event_seq bigint not null default 0);
select protect_tenant_table('agents');
create table effects (id uuid primary key, tenant_id uuid not null, agent_id uuid not null, event_seq bigint not null, note text not null,
  seq bigint generated always as identity);
select protect_tenant_table('effects');
`;

/** A service's database with agents that announce themselves, and effects of a consumer. */
export interface AgentsDatabase {
  readonly db: Database<Schema>;
  readonly appUrl: string;
  readonly relayUrl: string;
  readonly migratorUrl: string;
  open(onCommit?: () => void): Database<Schema>;
  query<R extends pg.QueryResultRow>(text: string, values?: readonly unknown[]): Promise<R[]>;
  drop(): Promise<void>;
}

export async function agentsDatabase(server: string = superuserUrl()): Promise<AgentsDatabase> {
  const service = `t-${randomBytes(5).toString('hex')}`;
  const database = `${service.replace('-', '_')}_db`;
  const passwords = Object.fromEntries(roleKinds.map((kind) => [kind, randomBytes(9).toString('hex')])) as Record<
    RoleKind,
    string
  >;
  await provisionDatabase(server, { database, service, passwords });
  const urlOf = (kind?: RoleKind) => {
    const url = new URL(server);
    url.pathname = `/${database}`;
    if (kind) {
      url.username = roleName(service, kind);
      url.password = passwords[kind];
    }
    return url.href;
  };
  const folder = await mkdtemp(join(tmpdir(), 'migrations-'));
  await writeFile(join(folder, '20261123-create-agents.sql'), tables);
  await migrate({
    url: urlOf('migrator'),
    folder,
    capture: [{ domain: 'agent', table: 'agents', columns: ['name'] }],
  });
  const open: Database<Schema>[] = [];
  const openOne = (onCommit?: () => void) => {
    const db = createDatabase<Schema>({ url: urlOf('app'), maxConnections: 8, applicationName: 'test', log, onCommit });
    open.push(db);
    return db;
  };
  const run = async <R extends pg.QueryResultRow>(url: string, text: string, values?: readonly unknown[]) => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    try {
      return (await client.query<R>(text, values && [...values])).rows;
    } finally {
      await client.end();
    }
  };
  return {
    db: openOne(),
    appUrl: urlOf('app'),
    relayUrl: urlOf('relay'),
    migratorUrl: urlOf('migrator'),
    open: openOne,
    query: (text, values) => run(urlOf(), text, values),
    async drop() {
      await Promise.all(open.map((db) => db.close()));
      await run(server, `drop database ${database} with (force)`);
      await run(server, `drop role ${roleKinds.map((kind) => roleName(service, kind)).join(', ')}`);
    },
  };
}

const actor = { type: 'user', id: 'u1' };
export const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

export async function createAgent(
  db: Database<Schema>,
  tenantId: string,
  name: string,
  causationDepth = 0,
): Promise<string> {
  const id = newId();
  await db.inTenant({ tenantId, actor, traceparent, causationDepth }, async (tx) => {
    await tx.insertInto('agents').values({ id, tenant_id: tenantId, name, secret: 'canary-secret' }).execute();
    await appendEvent(tx, { schema: AgentCreatedSchema, message: { agent: { id, name } }, id });
  });
  return id;
}

export async function renameAgent(db: Database<Schema>, tenantId: string, id: string, name: string): Promise<void> {
  await db.inTenant({ tenantId, actor, traceparent }, async (tx) => {
    await tx.updateTable('agents').set({ name }).where('id', '=', id).execute();
    await appendEvent(tx, { schema: AgentUpdatedSchema, message: { agent: { id, name } }, id });
  });
}

export const effectsOf = (database: AgentsDatabase) =>
  database.query<{ agent_id: string; event_seq: string; note: string }>(
    'select agent_id, event_seq, note from effects order by seq',
  );

export { sql };
