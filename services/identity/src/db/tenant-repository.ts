import { type ReadTx, type Selectable, sql, type Tx } from '@flotilla/postgres';
import type { Settings, Tenant, TenantStatus } from '../domain/tenant.ts';
import type { Schema } from './schema.ts';

const columns = [
  'id',
  'name',
  'slug',
  'status',
  'plan',
  'max_agents',
  'max_daily_requests',
  'max_monthly_tokens',
  'contact_email',
  'contact_name',
  'settings',
  'operator',
  'created_at',
  'updated_at',
  'revision',
] as const;

/** Throws already_exists SLUG_TAKEN: the index tenants_slug decides. */
export async function insertTenant(tx: Tx<Schema>, tenant: Tenant): Promise<void> {
  await tx
    .insertInto('tenants')
    .values({
      id: tenant.id,
      tenant_id: tenant.id,
      name: tenant.name,
      slug: tenant.slug,
      status: tenant.status,
      plan: tenant.plan,
      max_agents: tenant.maxAgents,
      max_daily_requests: tenant.maxDailyRequests,
      max_monthly_tokens: tenant.maxMonthlyTokens,
      settings: JSON.stringify(tenant.settings),
      operator: tenant.operator,
      created_at: tenant.createdAt,
      updated_at: tenant.updatedAt,
    })
    .execute();
}

export async function findTenant(tx: ReadTx<Schema>, id: string): Promise<Tenant | undefined> {
  const row = await tx
    .selectFrom('tenants')
    .select(columns)
    .where('id', '=', id)
    .where('deleted_at', 'is', null)
    .executeTakeFirst();
  return row && toTenant(row);
}

export async function lockTenant(tx: Tx<Schema>, id: string): Promise<Tenant | undefined> {
  const row = await tx
    .selectFrom('tenants')
    .select(columns)
    .where('id', '=', id)
    .where('deleted_at', 'is', null)
    .forUpdate()
    .executeTakeFirst();
  return row && toTenant(row);
}

export async function saveTenant(tx: Tx<Schema>, tenant: Tenant): Promise<Tenant> {
  const row = await tx
    .updateTable('tenants')
    .set({
      name: tenant.name,
      contact_email: tenant.contactEmail,
      contact_name: tenant.contactName,
      settings: JSON.stringify(tenant.settings),
      revision: tenant.revision,
    })
    .where('id', '=', tenant.id)
    .returning(columns)
    .executeTakeFirstOrThrow();
  return toTenant(row);
}

/** Before the tenant is known: a definer function over the index tenants_slug. */
export async function findTenantBySlug(
  tx: ReadTx<Schema>,
  slug: string,
): Promise<{ readonly id: string; readonly status: TenantStatus; readonly operator: boolean } | undefined> {
  const { rows } = await sql<{ id: string; status: TenantStatus; operator: boolean }>`
    select tenant_id as id, status, operator from tenant_by_slug(${slug})`.execute(tx);
  return rows[0];
}

function toTenant(row: Pick<Selectable<Schema['tenants']>, (typeof columns)[number]>): Tenant {
  return {
    id: row.id,
    name: row.name,
    slug: row.slug,
    status: row.status,
    plan: row.plan,
    maxAgents: row.max_agents,
    maxDailyRequests: row.max_daily_requests,
    maxMonthlyTokens: row.max_monthly_tokens,
    contactEmail: row.contact_email,
    contactName: row.contact_name,
    settings: row.settings as Settings,
    operator: row.operator,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    revision: row.revision,
  };
}
