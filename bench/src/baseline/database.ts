import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { migrate, provisionDatabase, type RoleKind, roleKinds, roleName } from '@flotilla/postgres';
import pg from 'pg';

/** A database made anew for a benchmark, with the tables of some migrations. */
export interface BenchDatabase {
  readonly superuserUrl: string;
  readonly appUrl: string;
  readonly relayUrl: string;
  query<Row extends pg.QueryResultRow>(text: string, values?: readonly unknown[]): Promise<readonly Row[]>;
}

/** Makes the database `<service>_db` on a server; one that is left from an earlier run goes first. */
export async function makeDatabase(
  serverUrl: string,
  service: string,
  migrations: string,
  { extensions = [] }: { readonly extensions?: readonly string[] } = {},
): Promise<BenchDatabase> {
  const database = `${service.replaceAll('-', '_')}_db`;
  const passwords = Object.fromEntries(roleKinds.map((kind) => [kind, randomBytes(12).toString('hex')])) as Record<
    RoleKind,
    string
  >;
  const url = (kind?: RoleKind) => {
    const parsed = new URL(serverUrl);
    parsed.pathname = `/${database}`;
    if (kind !== undefined) {
      parsed.username = roleName(service, kind);
      parsed.password = passwords[kind];
    }
    return parsed.href;
  };
  await query(serverUrl, `drop database if exists ${database} with (force)`);
  await provisionDatabase(serverUrl, { database, service, passwords, extensions });
  await migrate({ url: url('migrator'), folder: migrations, capture: [] });
  return {
    superuserUrl: url(),
    appUrl: url('app'),
    relayUrl: url('relay'),
    query: (text, values) => query(url(), text, values),
  };
}

async function query<Row extends pg.QueryResultRow>(
  url: string,
  text: string,
  values: readonly unknown[] = [],
): Promise<readonly Row[]> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 });
  await client.connect();
  try {
    return (await client.query<Row>(text, [...values])).rows;
  } finally {
    await client.end();
  }
}

const auditMigration = '20261123090000-create-audit-events.sql';

/** The bare program's database: the tables of llm-agent, and the audit log beside them. */
export async function makeBareDatabase(serverUrl: string, name: string, workspace: string): Promise<BenchDatabase> {
  const migrationsOf = (service: string) => join(workspace, 'services', service, 'src/db/migrations');
  const database = await makeDatabase(serverUrl, name, migrationsOf('llm-agent'), { extensions: ['timescaledb'] });
  await database.query(readFileSync(join(migrationsOf('audit'), auditMigration), 'utf8'));
  return database;
}
