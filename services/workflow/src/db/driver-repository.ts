import { sql, type Tx } from '@flotilla/postgres';
import type { Schema } from './schema.ts';

/** A run, and the driver that it is known to have. */
export interface UnderDriver {
  readonly tenantId: string;
  readonly instanceId: string;
  readonly epoch: number;
}

/** As the functions that look over all tenants answer. */
export interface UnderDriverRow {
  readonly tenant_id: string;
  readonly instance_id: string;
  readonly driver_epoch: number;
}

/** Their drivers have been started. Runs that are settled and told of by now need none any more, and are left as they are. */
export async function markDriven(
  tx: Tx<Schema>,
  runs: readonly Pick<UnderDriver, 'instanceId' | 'epoch'>[],
  now: Date,
): Promise<void> {
  const started = JSON.stringify(runs.map(({ instanceId, epoch }) => ({ id: instanceId, epoch })));
  await sql`
    update workflow_instances set driver_started_at = ${now}, driver_seen_at = ${now}
    from jsonb_to_recordset(${started}::jsonb) as started (id uuid, epoch integer)
    where workflow_instances.id = started.id and driver_epoch = started.epoch
      and driver_started_at is null and (settled_at is null or wake_wanted_at is not null)`.execute(tx);
}

/** Runs of any tenant that no driver is known to have been started for. */
export async function findUndriven(tx: Tx<Schema>, olderThanMs: number, limit: number): Promise<UnderDriver[]> {
  const { rows } = await sql<UnderDriverRow>`
    select tenant_id, instance_id, driver_epoch
    from undriven_instances(make_interval(secs => ${olderThanMs / 1000}::float8), ${limit}::integer)
  `.execute(tx);
  return rows.map(toUnderDriver);
}

/** Runs of any tenant whose driver has not been heard of for a while. */
export async function findSilent(tx: Tx<Schema>, silentForMs: number, limit: number): Promise<UnderDriver[]> {
  const { rows } = await sql<UnderDriverRow>`
    select tenant_id, instance_id, driver_epoch
    from silent_instances(make_interval(secs => ${silentForMs / 1000}::float8), ${limit}::integer)
  `.execute(tx);
  return rows.map(toUnderDriver);
}

export async function markSeen(tx: Tx<Schema>, { instanceId, epoch }: UnderDriver): Promise<undefined> {
  await tx
    .updateTable('workflow_instances')
    .set({ driver_seen_at: sql<Date>`now()` })
    .where('id', '=', instanceId)
    .where('driver_epoch', '=', epoch)
    .execute();
}

/** Makes the driver of this epoch a stale one. Answers the epoch of the next, which is to be started; undefined where another was faster, or nothing is left to do. */
export async function takeOver(tx: Tx<Schema>, { instanceId, epoch }: UnderDriver): Promise<number | undefined> {
  const row = await tx
    .updateTable('workflow_instances')
    .set({ driver_epoch: epoch + 1, driver_started_at: null, driver_seen_at: sql<Date>`now()` })
    .where('id', '=', instanceId)
    .where('driver_epoch', '=', epoch)
    .where('settled_at', 'is', null)
    .returning('driver_epoch')
    .executeTakeFirst();
  return row?.driver_epoch;
}

/** A command moved the run: its driver does not know yet. */
export async function wantWake(tx: Tx<Schema>, id: string): Promise<void> {
  await tx.updateTable('workflow_instances').set({ wake_wanted_at: sql<Date>`now()` }).where('id', '=', id).execute();
}

/** The driver is told everything now. */
export async function clearWake(tx: Tx<Schema>, id: string): Promise<void> {
  await tx.updateTable('workflow_instances').set({ wake_wanted_at: null }).where('id', '=', id).execute();
}

/** Runs of any tenant that a command moved a while ago without their driver having asked since. */
export async function findUnwoken(
  tx: Tx<Schema>,
  olderThanMs: number,
  limit: number,
): Promise<Pick<UnderDriver, 'tenantId' | 'instanceId'>[]> {
  const { rows } = await sql<Pick<UnderDriverRow, 'tenant_id' | 'instance_id'>>`
    select tenant_id, instance_id from unwoken_instances(make_interval(secs => ${olderThanMs / 1000}::float8), ${limit}::integer)
  `.execute(tx);
  return rows.map((row) => ({ tenantId: row.tenant_id, instanceId: row.instance_id }));
}

/** Over all tenants: takes away runs that were settled `keepDays` ago, with the runs inside of them; answers how many. */
export async function forgetRuns(
  tx: Tx<Schema>,
  { now, keepDays, limit }: { now: Date; keepDays: number; limit: number },
): Promise<number> {
  const { rows } = await sql<{ forgotten: bigint }>`
    select forget_runs(${now}, make_interval(days => ${keepDays}), ${limit}) as forgotten`.execute(tx);
  return Number(rows[0]?.forgotten ?? 0n);
}

export function toUnderDriver(row: UnderDriverRow): UnderDriver {
  return { tenantId: row.tenant_id, instanceId: row.instance_id, epoch: row.driver_epoch };
}
