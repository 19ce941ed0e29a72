import { randomBytes } from 'node:crypto';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLogger } from '@flotilla/observability';
import pg from 'pg';
import {
  createDatabase,
  type Database,
  type DatabaseOptions,
  provisionDatabase,
  type RoleKind,
  roleKinds,
  roleName,
} from '../src/index.ts';
import { superuserUrl } from './config.ts';

/** A provisioned, empty database with its own roles. */
export interface ThrowawayDatabase {
  readonly service: string;
  readonly urls: Readonly<Record<RoleKind | 'superuser', string>>;
  /** One statement as one role, on a connection of its own. */
  query<R extends pg.QueryResultRow>(
    role: RoleKind | 'superuser',
    sql: string,
    values?: readonly unknown[],
  ): Promise<R[]>;
  open<S>(options?: Partial<DatabaseOptions>): Database<S>;
  drop(): Promise<void>;
}

export const log = createLogger({ service: 'test', level: 'silent' });

export async function throwawayDatabase(extensions: readonly string[] = []): Promise<ThrowawayDatabase> {
  const service = `t-${randomBytes(5).toString('hex')}`;
  const database = `${service.replace('-', '_')}_db`;
  const passwords = Object.fromEntries(roleKinds.map((kind) => [kind, randomBytes(9).toString('hex')])) as Record<
    RoleKind,
    string
  >;
  await provisionDatabase(superuserUrl(), { database, service, passwords, extensions });
  const urlOf = (user?: string, password?: string) => {
    const url = new URL(superuserUrl());
    url.pathname = `/${database}`;
    if (user !== undefined && password !== undefined) {
      url.username = user;
      url.password = password;
    }
    return url.href;
  };
  const urls = {
    superuser: urlOf(),
    ...Object.fromEntries(roleKinds.map((kind) => [kind, urlOf(roleName(service, kind), passwords[kind])])),
  } as Record<RoleKind | 'superuser', string>;
  const open: Database<unknown>[] = [];
  return {
    service,
    urls,
    query: (role, sql, values) => queryOnce(urls[role], sql, values),
    open<S>(options: Partial<DatabaseOptions> = {}) {
      const db = createDatabase<S>({ url: urls.app, maxConnections: 10, applicationName: 'test', log, ...options });
      open.push(db as Database<unknown>);
      return db;
    },
    async drop() {
      await Promise.all(open.map((db) => db.close()));
      await queryOnce(superuserUrl(), `drop database ${database} with (force)`);
      await queryOnce(superuserUrl(), `drop role ${roleKinds.map((kind) => roleName(service, kind)).join(', ')}`);
    },
  };
}

export async function queryOnce<R extends pg.QueryResultRow>(
  url: string,
  sql: string,
  values?: readonly unknown[],
): Promise<R[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<R>(sql, values && [...values])).rows;
  } finally {
    await client.end();
  }
}

/** A folder with these migration files. */
export async function migrationFolder(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'migrations-'));
  await Promise.all(Object.entries(files).map(([name, sql]) => writeFile(join(folder, name), sql)));
  return folder;
}

export const createLoans = `
create table loans (
  id uuid primary key, tenant_id uuid not null, slug text not null,
  state text not null default 'lent' check (state in ('lent', 'returned')),
  secret_note text, note text, tags text[] not null default '{}', body jsonb,
  revision integer not null default 1, event_seq bigint not null default 0,
  created_at timestamptz(3) not null default now(), updated_at timestamptz(3) not null default now(), deleted_at timestamptz(3)
);
create unique index loans_slug on loans (tenant_id, slug);
select protect_tenant_table('loans');
`;
