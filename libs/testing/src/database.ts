import { createHash, randomBytes } from 'node:crypto';
import { capturedTables } from '@flotilla/contracts';
import {
  type CapturedColumns,
  generateEntityDiagram,
  generateSchemaTypes,
  migrate,
  migrationSet,
  provisionDatabase,
  type RoleKind,
  roleKinds,
  roleName,
} from '@flotilla/postgres';
import pg from 'pg';
import { testPostgresUrl } from './config.ts';

/** What a service's database is made of. */
export interface TestDatabaseOptions {
  /** `llm-agent` */
  readonly service: string;
  /** The folder of its migrations. */
  readonly migrations: string;
  /** `agent`: captures what the contract says of this domain. */
  readonly domain?: string | undefined;
  /** By default `capturedTables(domain)`. */
  readonly capture?: readonly CapturedColumns[] | undefined;
  readonly extensions?: readonly string[] | undefined;
}

/** A database of one test file, as the migrations leave it. */
export interface TestDatabase {
  readonly name: string;
  readonly appUrl: string;
  readonly relayUrl: string;
  readonly migratorUrl: string;
  readonly readonlyUrl: string;
  readonly backupUrl: string;
  /** Sees the rows of all tenants: for looking from outside. */
  readonly superuserUrl: string;
  /** Runs one statement as superuser, on a connection of its own. */
  query<Row extends pg.QueryResultRow>(sql: string, values?: readonly unknown[]): Promise<readonly Row[]>;
  drop(): Promise<void>;
}

const lockKey = 4_021_967_003;

/**
 * A fresh database for a test file: cloned from a template that is made once for each state of the migrations.
 *
 * @example
 * const database = await testDatabase({ service: 'identity', domain: 'identity', migrations });
 */
export async function testDatabase(options: TestDatabaseOptions): Promise<TestDatabase> {
  const template = await templateOf(options);
  const name = `test_${underscored(options.service)}_${randomBytes(6).toString('hex')}`;
  await query(
    testPostgresUrl(),
    `create database ${name} template ${template} owner ${roleName(options.service, 'migrator')}`,
  );
  // Rights on the database itself are not cloned.
  const roles = roleKinds.map((kind) => roleName(options.service, kind)).join(', ');
  await query(
    testPostgresUrl(),
    `revoke all on database ${name} from public; grant connect on database ${name} to ${roles}`,
  );
  const url = (kind: RoleKind) =>
    urlOf(name, roleName(options.service, kind), passwordOf(roleName(options.service, kind)));
  return {
    name,
    appUrl: url('app'),
    relayUrl: url('relay'),
    migratorUrl: url('migrator'),
    readonlyUrl: url('readonly'),
    backupUrl: url('backup'),
    superuserUrl: urlOf(name),
    query: (sql, values) => query(urlOf(name), sql, values),
    drop: async () => {
      await query(testPostgresUrl(), `drop database if exists ${name} with (force)`);
    },
  };
}

/** What a migrated database says of itself: TypeScript of its tables, and their diagram in Mermaid. */
export interface SchemaTexts {
  readonly types: string;
  readonly diagram: string;
}

/** Reads both from a throw-away database, for a service's generate script. */
export async function testSchemaTexts(options: TestDatabaseOptions): Promise<SchemaTexts> {
  const database = await testDatabase(options);
  try {
    const { superuserUrl } = database;
    return { types: await generateSchemaTypes(superuserUrl), diagram: await generateEntityDiagram(superuserUrl) };
  } finally {
    await database.drop();
  }
}

async function templateOf(options: TestDatabaseOptions): Promise<string> {
  const migrations = await migrationSet(options.migrations);
  const made = JSON.stringify([migrations, captureOf(options), options.extensions ?? []]);
  const template = `template_${underscored(options.service)}_${createHash('sha256').update(made).digest('hex').slice(0, 12)}`;
  const admin = new pg.Client({ connectionString: testPostgresUrl(), connectionTimeoutMillis: 10_000 });
  await admin.connect();
  try {
    const isReady = async () =>
      (await admin.query('select from pg_database where datname = $1 and datistemplate', [template])).rowCount === 1;
    if (await isReady()) return template;
    await admin.query('select pg_advisory_lock($1)', [lockKey]);
    if (await isReady()) return template;
    await admin.query(`drop database if exists ${template} with (force)`);
    await makeTemplate(template, options);
    // Nobody may be connected to a template while it is cloned, background workers included.
    await admin.query(`alter database ${template} with is_template true allow_connections false`);
    await admin.query('select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = $1', [template]);
    return template;
  } finally {
    await admin.end();
  }
}

async function makeTemplate(template: string, options: TestDatabaseOptions) {
  const { service, migrations, extensions } = options;
  const passwords = Object.fromEntries(roleKinds.map((kind) => [kind, passwordOf(roleName(service, kind))])) as Record<
    RoleKind,
    string
  >;
  await provisionDatabase(testPostgresUrl(), { database: template, service, passwords, extensions });
  const migrator = roleName(service, 'migrator');
  await migrate({
    url: urlOf(template, migrator, passwordOf(migrator)),
    folder: migrations,
    capture: captureOf(options),
  });
}

function captureOf({ capture, domain }: TestDatabaseOptions): readonly CapturedColumns[] {
  return capture ?? (domain === undefined ? [] : capturedTables(domain));
}

/** Roles belong to the server, so all test files must agree on their passwords. */
function passwordOf(role: string): string {
  return createHash('sha256')
    .update(`${new URL(testPostgresUrl()).password} ${role}`)
    .digest('hex')
    .slice(0, 24);
}

function urlOf(database: string, user?: string, password?: string): string {
  const url = new URL(testPostgresUrl());
  url.pathname = `/${database}`;
  if (user !== undefined) url.username = user;
  if (password !== undefined) url.password = password;
  return url.href;
}

function underscored(service: string): string {
  return service.replaceAll('-', '_');
}

async function query<Row extends pg.QueryResultRow>(
  url: string,
  sql: string,
  values: readonly unknown[] = [],
): Promise<readonly Row[]> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 });
  await client.connect();
  try {
    return (await client.query<Row>(sql, values.length > 0 ? [...values] : undefined)).rows;
  } finally {
    await client.end();
  }
}
