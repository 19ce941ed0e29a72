import { sql, type Tx } from '@flotilla/postgres';
import type { Schema } from './schema.ts';

/** A schedule of some tenant. */
export interface ScheduleReference {
  readonly tenantId: string;
  readonly scheduleId: string;
}

/** Schedules of any tenant that Temporal does not have as they are; nobody else takes them within the lease. */
export async function claimUnsynced(tx: Tx<Schema>, limit: number, leaseMs: number): Promise<ScheduleReference[]> {
  const { rows } = await sql<{ id: string; tenant_id: string }>`
    select id, tenant_id from claim_unsynced_schedules(${limit}::integer, make_interval(secs => ${leaseMs / 1000}::float8))
  `.execute(tx);
  return rows.map((row) => ({ tenantId: row.tenant_id, scheduleId: row.id }));
}

/** Schedules of any tenant whose next time has passed without a word. */
export async function findLate(tx: Tx<Schema>, lateMs: number, limit: number): Promise<ScheduleReference[]> {
  const { rows } = await sql<{ id: string; tenant_id: string }>`
    select id, tenant_id from late_schedules(make_interval(secs => ${lateMs / 1000}::float8), ${limit}::integer)
  `.execute(tx);
  return rows.map((row) => ({ tenantId: row.tenant_id, scheduleId: row.id }));
}

/** Temporal has this revision. When there is a newer one by now, it stays to be told. */
export async function markSynced(tx: Tx<Schema>, id: string, revision: number): Promise<void> {
  await tx
    .updateTable('workflow_schedules')
    .set({ synced_revision: revision, sync_error: null, sync_attempts: 0, sync_due_at: sql<Date>`now()` })
    .where('id', '=', id)
    .execute();
}

export async function markSyncFailed(tx: Tx<Schema>, id: string, reason: string): Promise<void> {
  await tx
    .updateTable('workflow_schedules')
    .set({
      sync_error: reason,
      sync_attempts: sql<number>`sync_attempts + 1`,
      sync_due_at: sql<Date>`now() + least(interval '1 second' * 2 ^ least(sync_attempts, 10), interval '5 minutes')`,
    })
    .where('id', '=', id)
    .execute();
}

/** Temporal has lost the schedule, or has an older one: it is told again. */
export async function markUnsynced(tx: Tx<Schema>, id: string): Promise<void> {
  await tx
    .updateTable('workflow_schedules')
    .set({ synced_revision: null, sync_due_at: sql<Date>`now()` })
    .where('id', '=', id)
    .execute();
}
