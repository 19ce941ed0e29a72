import { type ReadTx, sql } from '@flotilla/postgres';
import type { Role } from '../domain/role.ts';
import type { Ending, Standing } from '../domain/standing.ts';
import type { TenantStatus } from '../domain/tenant.ts';
import type { UserStatus } from '../domain/user.ts';
import type { Schema } from './schema.ts';

/** A credential that was found, and whom it stands for. */
export interface FoundCredential extends Standing, Ending {
  readonly id: string;
  /** What it is limited to; `undefined` for no limit. */
  readonly scopes: readonly string[] | undefined;
  readonly lastUsedAt: Date | undefined;
}

interface Row {
  readonly id: string;
  readonly tenant_id: string;
  readonly user_id: string;
  readonly scopes?: readonly string[];
  readonly permissions?: readonly string[];
  readonly revoked_at: Date | null;
  readonly expires_at?: Date | null;
  readonly last_used_at?: Date | null;
  readonly tenant_status: TenantStatus;
  readonly operator: boolean;
  readonly user_status: UserStatus;
  readonly user_role: Role;
  readonly user_deleted_at: Date | null;
}

/** By the index api_keys_hash, over all tenants: the key says which one. */
export async function findByApiKey(tx: ReadTx<Schema>, hash: string): Promise<FoundCredential | undefined> {
  const { rows } = await sql<Row>`select * from api_key_by_hash(${hash})`.execute(tx);
  const [row] = rows;
  return row && found(row, row.scopes?.length === 0 ? undefined : row.scopes);
}

/** By the index sessions_token. */
export async function findBySession(tx: ReadTx<Schema>, hash: string): Promise<FoundCredential | undefined> {
  const { rows } = await sql<Row>`select * from session_by_hash(${hash})`.execute(tx);
  return rows[0] && found(rows[0], undefined);
}

/** By primary key; another service's grant is not found. */
export async function findByGrant(
  tx: ReadTx<Schema>,
  id: string,
  service: string,
): Promise<FoundCredential | undefined> {
  const { rows } = await sql<Row>`select * from grant_of_service(${id}::uuid, ${service})`.execute(tx);
  return rows[0] && found(rows[0], rows[0].permissions ?? []);
}

function found(row: Row, scopes: readonly string[] | undefined): FoundCredential {
  return {
    id: row.id,
    tenantId: row.tenant_id,
    userId: row.user_id,
    scopes,
    revokedAt: row.revoked_at ?? undefined,
    expiresAt: row.expires_at ?? undefined,
    lastUsedAt: row.last_used_at ?? undefined,
    tenantStatus: row.tenant_status,
    operator: row.operator,
    userStatus: row.user_status,
    userRole: row.user_role,
    userDeleted: row.user_deleted_at !== null,
  };
}
