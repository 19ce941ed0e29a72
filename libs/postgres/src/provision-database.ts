import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';
import pg from 'pg';

/** The roles of a service's database. The names are `<service>_<kind>`, with `_` for `-`. */
export const roleKinds = ['migrator', 'app', 'relay', 'readonly', 'backup'] as const;

/** One of {@link roleKinds}. */
export type RoleKind = (typeof roleKinds)[number];

/** What a service's database consists of. */
export interface DatabaseProvision {
  readonly database: string;
  /** `llm-agent` */
  readonly service: string;
  /** Plain; only their SCRAM verifiers are sent. */
  readonly passwords: Readonly<Record<RoleKind, string>>;
  /** Made by the superuser: `timescaledb`, `vector`. */
  readonly extensions?: readonly string[] | undefined;
}

interface RoleShape {
  readonly attributes: string;
  readonly settings: Readonly<Record<string, string>>;
}

// FORCE binds the owner of a table too, so the migrator needs BYPASSRLS for back-fills; the relay carries the events of
// all tenants and may touch the outbox only.
const shapes: Readonly<Record<RoleKind, RoleShape>> = {
  migrator: { attributes: 'bypassrls', settings: timeouts('10min', '15min', '1min', '5s') },
  app: { attributes: 'nobypassrls', settings: timeouts('15s', '30s', '10s', '10s') },
  relay: { attributes: 'bypassrls', settings: timeouts('15s', '30s', '10s', '10s') },
  readonly: {
    attributes: 'nobypassrls',
    settings: { ...timeouts('30s', '60s', '30s', '5s'), default_transaction_read_only: 'on' },
  },
  backup: {
    attributes: 'bypassrls',
    settings: { ...timeouts('6h', '12h', '10min', '1min'), default_transaction_read_only: 'on' },
  },
};

function timeouts(statement: string, transaction: string, idle: string, lock: string): Record<string, string> {
  return {
    statement_timeout: statement,
    transaction_timeout: transaction,
    idle_in_transaction_session_timeout: idle,
    lock_timeout: lock,
  };
}

// Roles belong to the whole server: two provisioners must not alter one at the same time.
const lockKey = 4_021_967_002;

/** The name of a service's role. */
export function roleName(service: string, kind: RoleKind): string {
  return `${service.replaceAll('-', '_')}_${kind}`;
}

/**
 * Makes the database, its roles and extensions, or brings them (passwords too) to this state. Needs a superuser.
 * Nobody but the service's own roles can connect.
 */
export async function provisionDatabase(superuserUrl: string, provision: DatabaseProvision): Promise<void> {
  const { database, service, extensions = [] } = provision;
  const name = pg.escapeIdentifier(database);
  const role = (kind: RoleKind) => pg.escapeIdentifier(roleName(service, kind));
  const all = roleKinds.map(role).join(', ');

  await withClient(superuserUrl, async (client) => {
    await client.query('select pg_advisory_lock($1)', [lockKey]);
    for (const kind of roleKinds)
      await ensureRole(client, roleName(service, kind), shapes[kind], provision.passwords[kind]);
    await client.query(`grant pg_read_all_data to ${role('backup')}`);
    const { rows } = await client.query('select from pg_database where datname = $1', [database]);
    if (rows.length === 0) await client.query(`create database ${name} owner ${role('migrator')}`);
    await client.query(`revoke all on database ${name} from public`);
    await client.query(`grant connect on database ${name} to ${all}`);
  });
  const inside = new URL(superuserUrl);
  inside.pathname = `/${database}`;
  await withClient(inside.href, async (client) => {
    for (const extension of extensions) {
      await client.query(`create extension if not exists ${pg.escapeIdentifier(extension)}`);
    }
    await client.query('revoke all on schema public from public');
    // Functions are open to everybody by default, definer functions too.
    await client.query(`alter default privileges for role ${role('migrator')} revoke execute on functions from public`);
  });
}

async function ensureRole(client: pg.Client, name: string, shape: RoleShape, password: string): Promise<void> {
  const role = pg.escapeIdentifier(name);
  const { rows } = await client.query('select from pg_roles where rolname = $1', [name]);
  if (rows.length === 0) await client.query(`create role ${role}`);
  await client.query(
    `alter role ${role} login nosuperuser nocreatedb nocreaterole noreplication ${shape.attributes}
       password ${pg.escapeLiteral(scramVerifier(password))}`,
  );
  for (const [setting, value] of Object.entries(shape.settings)) {
    await client.query(`alter role ${role} set ${setting} = ${pg.escapeLiteral(value)}`);
  }
}

/** The form in which the server keeps a password; statements are logged, so the password itself is never in one. */
export function scramVerifier(password: string, salt: Buffer = randomBytes(16)): string {
  const iterations = 4096;
  const salted = pbkdf2Sync(password, salt, iterations, 32, 'sha256');
  const mac = (text: string) => createHmac('sha256', salted).update(text).digest();
  const storedKey = createHash('sha256').update(mac('Client Key')).digest('base64');
  return `SCRAM-SHA-256$${iterations}:${salt.toString('base64')}$${storedKey}:${mac('Server Key').toString('base64')}`;
}

async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: 10_000,
    application_name: 'flotilla-provision',
  });
  client.on('error', () => {});
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end().catch(() => {});
  }
}
