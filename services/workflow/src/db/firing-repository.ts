import { traceIdOf } from '@flotilla/observability';
import { after, type Cursor, type ReadTx, type Selectable, sql, type Tx } from '@flotilla/postgres';
import type { Firing, FiringStatus } from '../domain/firing.ts';
import type { JsonObject } from '../domain/json.ts';
import { toColumn } from './json-column.ts';
import type { Schema, WorkflowFirings } from './schema.ts';

const columns = [
  'id',
  'source',
  'source_id',
  'workflow_id',
  'key',
  'cause',
  'status',
  'input',
  'nominal_at',
  'instance_id',
  'error_reason',
  'error_message',
  'attempts',
  'traceparent',
  'causation_depth',
  'created_at',
] as const;

/** A firing that this process may work on for a while. */
export interface FiringLease {
  readonly id: string;
  readonly tenantId: string;
  readonly leaseId: string;
}

export type NewFiring = Pick<
  Firing,
  | 'id'
  | 'source'
  | 'sourceId'
  | 'workflowId'
  | 'key'
  | 'cause'
  | 'input'
  | 'nominalAt'
  | 'traceparent'
  | 'causationDepth'
>;

/** Answers whether there was none with this key of this source. */
export async function insertFiring(tx: Tx<Schema>, firing: NewFiring): Promise<boolean> {
  const { numInsertedOrUpdatedRows } = await tx
    .insertInto('workflow_firings')
    .values({
      id: firing.id,
      tenant_id: tx.scope.tenantId,
      source: firing.source,
      source_id: firing.sourceId,
      workflow_id: firing.workflowId,
      key: firing.key,
      cause: firing.cause,
      input: toColumn(firing.input),
      nominal_at: firing.nominalAt,
      traceparent: firing.traceparent,
      causation_depth: firing.causationDepth,
    })
    .onConflict((conflict) => conflict.columns(['tenant_id', 'source_id', 'key']).doNothing())
    .executeTakeFirst();
  return numInsertedOrUpdatedRows === 1n;
}

export async function findFiring(tx: ReadTx<Schema>, id: string): Promise<Firing | undefined> {
  const row = await tx.selectFrom('workflow_firings').select(columns).where('id', '=', id).executeTakeFirst();
  return row && toFiring(row);
}

export async function findFiringByKey(tx: ReadTx<Schema>, sourceId: string, key: string): Promise<Firing | undefined> {
  const row = await tx
    .selectFrom('workflow_firings')
    .select(columns)
    .where('source_id', '=', sourceId)
    .where('key', '=', key)
    .executeTakeFirst();
  return row && toFiring(row);
}

/** Firings of a source within one trace. Uses the index workflow_firings_trace. */
export async function countInTrace(tx: ReadTx<Schema>, sourceId: string, traceparent: string): Promise<number> {
  const { found } = await tx
    .selectFrom('workflow_firings')
    .select((is) => is.fn.countAll<string>().as('found'))
    .where('source_id', '=', sourceId)
    .where('trace_id', '=', traceIdOf(traceparent))
    .executeTakeFirstOrThrow();
  return Number(found);
}

/** Uses the index workflow_firings_of_source. */
export async function listFirings(
  tx: ReadTx<Schema>,
  sourceId: string,
  page: { cursor: Cursor | undefined; limit: number },
): Promise<Firing[]> {
  const rows = await tx
    .selectFrom('workflow_firings')
    .select(columns)
    .where('source_id', '=', sourceId)
    .where(after<Schema, 'workflow_firings'>('desc', page.cursor))
    .orderBy('id', 'desc')
    .limit(page.limit)
    .execute();
  return rows.map(toFiring);
}

/** Due firings of any tenant. */
export async function claimDueFirings(
  tx: Tx<Schema>,
  wish: { limit: number; leaseMs: number },
): Promise<FiringLease[]> {
  const { rows } = await sql<{ id: string; tenant_id: string; lease_id: string }>`
    select id, tenant_id, lease_id from claim_due_firings(${wish.limit}::integer, make_interval(secs => ${wish.leaseMs / 1000}::float8))
  `.execute(tx);
  return rows.map((row) => ({ id: row.id, tenantId: row.tenant_id, leaseId: row.lease_id }));
}

/** Undefined when it is settled, or somebody else has it by now. */
export async function lockLeased(tx: Tx<Schema>, lease: FiringLease): Promise<Firing | undefined> {
  const row = await tx
    .selectFrom('workflow_firings')
    .select(columns)
    .where('id', '=', lease.id)
    .where('lease_id', '=', lease.leaseId)
    .where('status', '=', 'pending')
    .forUpdate()
    .executeTakeFirst();
  return row && toFiring(row);
}

/** How many of the source wait since before this one. */
export async function countAhead(tx: Tx<Schema>, { id, sourceId }: Firing): Promise<number> {
  const { ahead } = await tx
    .selectFrom('workflow_firings')
    .select((is) => is.fn.countAll<string>().as('ahead'))
    .where('source_id', '=', sourceId)
    .where('status', '=', 'pending')
    .where('id', '<', id)
    .executeTakeFirstOrThrow();
  return Number(ahead);
}

export async function settleFiring(
  tx: Tx<Schema>,
  id: string,
  outcome: {
    readonly status: Exclude<FiringStatus, 'pending'>;
    readonly instanceId?: string;
    readonly error?: { readonly reason: string; readonly message: string };
  },
): Promise<Firing> {
  const row = await tx
    .updateTable('workflow_firings')
    .set({
      status: outcome.status,
      instance_id: outcome.instanceId ?? null,
      error_reason: outcome.error?.reason ?? null,
      error_message: outcome.error?.message ?? null,
      attempts: sql<number>`attempts + 1`,
      lease_id: null,
    })
    .where('id', '=', id)
    .returning(columns)
    .executeTakeFirstOrThrow();
  return toFiring(row);
}

/** It is due again after a while. `failed` counts as an attempt. */
export async function postponeFiring(
  tx: Tx<Schema>,
  id: string,
  wish: { pauseMs: number; failed: boolean; reason: string; message: string },
): Promise<void> {
  await tx
    .updateTable('workflow_firings')
    .set({
      due_at: sql<Date>`clock_timestamp() + make_interval(secs => ${wish.pauseMs / 1000}::float8)`,
      lease_id: null,
      error_reason: wish.reason,
      error_message: wish.message,
      ...(wish.failed ? { attempts: sql<number>`attempts + 1` } : {}),
    })
    .where('id', '=', id)
    .execute();
}

/** Whoever waits longest for the source is looked at next. */
export async function hastenOldest(tx: Tx<Schema>, sourceId: string): Promise<void> {
  await sql`
    update workflow_firings set due_at = least(due_at, clock_timestamp())
    where id = (select id from workflow_firings where source_id = ${sourceId}::uuid and status = 'pending' and lease_id is null order by id limit 1)
  `.execute(tx);
}

export async function forgetFirings(tx: Tx<Schema>, olderThanMs: number, limit: number): Promise<void> {
  await sql`select forget_firings(make_interval(secs => ${olderThanMs / 1000}::float8), ${limit}::integer)`.execute(tx);
}

/** Runs of a schedule or trigger that are under way, the oldest first. Uses the index workflow_instances_under_way. */
export async function runsUnderWay(tx: Tx<Schema>, sourceId: string, limit: number): Promise<string[]> {
  const rows = await tx
    .selectFrom('workflow_instances')
    .select('id')
    .where('source_id', '=', sourceId)
    .where('settled_at', 'is', null)
    .orderBy('id')
    .limit(limit)
    .execute();
  return rows.map(({ id }) => id);
}

function toFiring(row: Pick<Selectable<WorkflowFirings>, (typeof columns)[number]>): Firing {
  return {
    id: row.id,
    source: row.source,
    sourceId: row.source_id,
    workflowId: row.workflow_id,
    key: row.key,
    cause: row.cause,
    status: row.status,
    input: row.input as JsonObject,
    nominalAt: row.nominal_at,
    instanceId: row.instance_id ?? undefined,
    errorReason: row.error_reason ?? undefined,
    errorMessage: row.error_message ?? undefined,
    attempts: row.attempts,
    traceparent: row.traceparent,
    causationDepth: row.causation_depth,
    createdAt: row.created_at,
  };
}
