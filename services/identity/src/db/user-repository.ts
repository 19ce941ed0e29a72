import { after, type Cursor, type ReadTx, type Selectable, sql, type Tx } from '@flotilla/postgres';
import type { User, UserStatus } from '../domain/user.ts';
import type { Schema } from './schema.ts';

const columns = [
  'id',
  'tenant_id',
  'email',
  'username',
  'first_name',
  'last_name',
  'status',
  'role',
  'email_verified',
  'last_login_at',
  'created_at',
  'updated_at',
  'revision',
] as const;

/** Throws already_exists EMAIL_TAKEN: the index users_email decides. */
export async function insertUser(tx: Tx<Schema>, user: User): Promise<void> {
  await tx
    .insertInto('users')
    .values({
      id: user.id,
      tenant_id: user.tenantId,
      email: user.email,
      username: user.username,
      first_name: user.firstName,
      last_name: user.lastName,
      status: user.status,
      role: user.role,
      email_verified: user.emailVerified,
      created_at: user.createdAt,
      updated_at: user.updatedAt,
    })
    .execute();
}

export async function findUser(tx: ReadTx<Schema>, id: string): Promise<User | undefined> {
  const row = await selectUsers(tx).where('id', '=', id).executeTakeFirst();
  return row && toUser(row);
}

export async function lockUser(tx: Tx<Schema>, id: string): Promise<User | undefined> {
  const row = await selectUsers(tx).where('id', '=', id).forUpdate().executeTakeFirst();
  return row && toUser(row);
}

/** By the index users_email. */
export async function findUserByEmail(tx: ReadTx<Schema>, email: string): Promise<User | undefined> {
  const row = await selectUsers(tx).where(sql`lower(email)`, '=', email.toLowerCase()).executeTakeFirst();
  return row && toUser(row);
}

/** Newest first: ids are time-ordered. */
export async function listUsers(
  tx: ReadTx<Schema>,
  wanted: { readonly status: UserStatus | undefined; readonly cursor: Cursor | undefined; readonly limit: number },
): Promise<readonly User[]> {
  const { status, cursor, limit } = wanted;
  const rows = await selectUsers(tx)
    .$if(status !== undefined, (query) => query.where('status', '=', status ?? 'active'))
    .where(after<Schema, 'users'>('desc', cursor))
    .orderBy('id', 'desc')
    .limit(limit)
    .execute();
  return rows.map(toUser);
}

/** Locks all active administrators of the tenant, so that two of them cannot remove each other at once. */
export async function countOtherActiveAdmins(tx: Tx<Schema>, id: string): Promise<number> {
  const rows = await tx
    .selectFrom('users')
    .select('id')
    .where('role', '=', 'admin')
    .where('status', '=', 'active')
    .where('deleted_at', 'is', null)
    .orderBy('id')
    .forUpdate()
    .execute();
  return rows.filter((row) => row.id !== id).length;
}

export async function saveUser(tx: Tx<Schema>, user: User): Promise<User> {
  const row = await tx
    .updateTable('users')
    .set({
      username: user.username,
      first_name: user.firstName,
      last_name: user.lastName,
      status: user.status,
      role: user.role,
      revision: user.revision,
    })
    .where('id', '=', user.id)
    .returning(columns)
    .executeTakeFirstOrThrow();
  return toUser(row);
}

export async function markUserDeleted(tx: Tx<Schema>, user: User, now: Date): Promise<void> {
  await tx
    .updateTable('users')
    .set({ deleted_at: now, status: 'inactive', revision: user.revision + 1 })
    .where('id', '=', user.id)
    .execute();
}

export async function markLogin(tx: Tx<Schema>, id: string, now: Date): Promise<void> {
  await tx.updateTable('users').set({ last_login_at: now }).where('id', '=', id).execute();
}

function selectUsers(tx: ReadTx<Schema>) {
  return tx.selectFrom('users').select(columns).where('deleted_at', 'is', null);
}

function toUser(row: Pick<Selectable<Schema['users']>, (typeof columns)[number]>): User {
  return {
    id: row.id,
    tenantId: row.tenant_id,
    email: row.email,
    username: row.username,
    firstName: row.first_name,
    lastName: row.last_name,
    status: row.status,
    role: row.role,
    emailVerified: row.email_verified,
    lastLoginAt: row.last_login_at ?? undefined,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    revision: row.revision,
  };
}
