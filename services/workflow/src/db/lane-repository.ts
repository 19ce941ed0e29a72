import { sql, type Tx } from '@flotilla/postgres';
import { toUnderDriver, type UnderDriver, type UnderDriverRow } from './driver-repository.ts';
import type { Schema } from './schema.ts';

/** What a tenant has in a lane already. */
export interface Busy {
  readonly tenantId: string;
  readonly running: number;
  readonly weight: number;
}

const interval = (ms: number) => sql`make_interval(secs => ${ms / 1000}::float8)`;

/** Takes queued runs of all tenants, fairly, for a lane with these places free. Uses the index workflow_instances_queued. */
export async function admitQueued(
  tx: Tx<Schema>,
  lane: { readonly places: number; readonly share: number; readonly leaseMs: number; readonly busy: readonly Busy[] },
): Promise<UnderDriver[]> {
  const busy = lane.busy.map(({ tenantId, running, weight }) => ({ tenant_id: tenantId, running, weight }));
  const { rows } = await sql<UnderDriverRow>`
    select tenant_id, instance_id, driver_epoch
    from admit_instances(${lane.places}::integer, ${lane.share}::integer, ${interval(lane.leaseMs)}, ${JSON.stringify(busy)}::jsonb)
  `.execute(tx);
  return rows.map(toUnderDriver);
}

/** Keeps runs for another while. Answers the length of the journal of those that still are this lane's. */
export async function renewLeases(
  tx: Tx<Schema>,
  held: readonly UnderDriver[],
  leaseMs: number,
): Promise<ReadonlyMap<string, number>> {
  const ids = held.map(({ instanceId, epoch }) => ({ id: instanceId, epoch }));
  const { rows } = await sql<{ instance_id: string; journal_length: number }>`
    select instance_id, journal_length from renew_leases(${JSON.stringify(ids)}::jsonb, ${interval(leaseMs)})
  `.execute(tx);
  return new Map(rows.map((row) => [row.instance_id, row.journal_length]));
}

/** Gives runs whose lease has run out the next epoch; drivers for them are to be started. */
export async function expireLeases(tx: Tx<Schema>, limit: number): Promise<UnderDriver[]> {
  const { rows } = await sql<UnderDriverRow>`
    select tenant_id, instance_id, driver_epoch from expire_leases(${limit}::integer)
  `.execute(tx);
  return rows.map(toUnderDriver);
}

/** Ends what the lane holds; Temporal's driver is to be started. Answers its epoch; undefined where the lane had lost the run. */
export async function giveToTemporal(tx: Tx<Schema>, { instanceId, epoch }: UnderDriver): Promise<number | undefined> {
  const row = await tx
    .updateTable('workflow_instances')
    .set({
      driver: 'temporal',
      driver_epoch: epoch + 1,
      lease_until: null,
      driver_started_at: null,
      driver_seen_at: sql<Date>`now()`,
    })
    .where('id', '=', instanceId)
    .where('driver_epoch', '=', epoch)
    .where('driver', '=', 'lane')
    .where('settled_at', 'is', null)
    .returning('driver_epoch')
    .executeTakeFirst();
  return row?.driver_epoch;
}
