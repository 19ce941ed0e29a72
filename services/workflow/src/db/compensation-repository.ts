import { after, type Cursor, newId, type ReadTx, type Selectable, sql, type Tx } from '@flotilla/postgres';
import type { JsonObject } from '../domain/json.ts';
import { toColumn } from './json-column.ts';
import type { SagaCompensations, Schema } from './schema.ts';
import { atPath, type StepPlace } from './task-repository.ts';

/** The undo of one effect: a projection of the journal, and the place where attempts are counted. */
export interface Compensation {
  readonly id: string;
  readonly instanceId: string;
  readonly path: string;
  readonly stepId: string;
  readonly visit: number;
  readonly stepKind: string;
  readonly request: JsonObject;
  readonly status: Selectable<SagaCompensations>['status'];
  readonly attempts: number;
  readonly failures: number;
  readonly claim: number;
  readonly errorReason: string;
  readonly errorMessage: string;
  readonly effectKey: string;
  readonly startedAt: Date | undefined;
  readonly completedAt: Date | undefined;
  /** Why it is in the operators' queue. */
  readonly attention: NonNullable<Selectable<SagaCompensations>['attention']> | undefined;
  readonly assigneeId: string;
  readonly note: string;
  readonly resolution: { readonly reason: string; readonly resolvedBy: string; readonly at: Date } | undefined;
}

const columns = [
  'id',
  'instance_id',
  'path',
  'step_id',
  'visit',
  'compensation_action',
  'compensation_data',
  'status',
  'attempts',
  'failures',
  'claim',
  'error_reason',
  'error_message',
  'effect_key',
  'started_at',
  'executed_at',
  'attention',
  'assignee_id',
  'note',
  'resolution_reason',
  'resolved_by',
  'resolved_at',
] as const;

export function insertCompensation(
  tx: Tx<Schema>,
  tenantId: string,
  compensation: StepPlace & { readonly effectKey: string; readonly request: JsonObject },
): void {
  const { instanceId, path, visit } = compensation;
  tx.send(
    tx
      .insertInto('saga_compensations')
      .columns([
        'id',
        'tenant_id',
        'instance_id',
        'task_id',
        'path',
        'step_id',
        'visit',
        'compensation_action',
        'compensation_data',
        'effect_key',
      ])
      .expression((eb) =>
        eb
          .selectFrom('tasks')
          .select((task) => [
            task.val(newId()).as('id'),
            'tasks.tenant_id',
            'tasks.instance_id',
            'tasks.id as task_id',
            'tasks.path',
            'tasks.step_id',
            'tasks.visit',
            'tasks.step_kind',
            sql<string>`${toColumn(compensation.request)}::jsonb`.as('data'),
            task.val(compensation.effectKey).as('effect_key'),
          ])
          .where('tasks.tenant_id', '=', tenantId)
          .where('tasks.instance_id', '=', instanceId)
          .where(atPath(path))
          .where('tasks.visit', '=', visit),
      )
      .onConflict((conflict) => conflict.doNothing())
      .compile(),
  );
}

export async function lockCompensation(tx: Tx<Schema>, place: StepPlace): Promise<Compensation | undefined> {
  const row = await tx
    .selectFrom('saga_compensations')
    .select(columns)
    .where('instance_id', '=', place.instanceId)
    .where(atPath(place.path))
    .where('visit', '=', place.visit)
    .forUpdate()
    .executeTakeFirst();
  return row && toCompensation(row);
}

/** Counts an attempt and makes it the one that may write the outcome. */
export async function claimCompensation(tx: Tx<Schema>, id: string, claim: number): Promise<void> {
  await tx
    .updateTable('saga_compensations')
    .set({ claim, attempts: sql<number>`attempts + 1` })
    .where('id', '=', id)
    .execute();
}

/** Counts only where the attempt still is the newest one. */
export async function countCompensationFailure(
  tx: Tx<Schema>,
  id: string,
  claim: number,
  error: { readonly reason: string; readonly message: string },
): Promise<void> {
  await tx
    .updateTable('saga_compensations')
    .set({ failures: sql<number>`failures + 1`, error_reason: error.reason, error_message: error.message })
    .where('id', '=', id)
    .where('claim', '=', claim)
    .execute();
}

export function setCompensation(
  tx: Tx<Schema>,
  { instanceId, path, visit }: StepPlace,
  change: {
    readonly status: Compensation['status'];
    readonly error?: { readonly reason: string; readonly message: string };
    readonly attention?: Compensation['attention'];
    readonly at: string;
  },
): void {
  tx.send(
    tx
      .updateTable('saga_compensations')
      .set({
        status: change.status,
        // A new round of quick tries counts from nothing.
        ...(change.status === 'executing'
          ? { started_at: change.at, claim: 0, failures: 0 }
          : { executed_at: change.at }),
        attention: change.attention ?? null,
        error_reason: change.error?.reason ?? null,
        error_message: change.error?.message ?? null,
      })
      .where('instance_id', '=', instanceId)
      .where(atPath(path))
      .where('visit', '=', visit)
      .compile(),
  );
}

/** An operator has taken the undo off the queue. */
export async function resolveCompensation(
  tx: Tx<Schema>,
  { instanceId, path, visit }: StepPlace,
  resolution: { readonly reason: string; readonly resolvedBy: string; readonly at: string },
): Promise<void> {
  await tx
    .updateTable('saga_compensations')
    .set({
      attention: null,
      resolution_reason: resolution.reason,
      resolved_by: resolution.resolvedBy,
      resolved_at: resolution.at,
    })
    .where('instance_id', '=', instanceId)
    .where(atPath(path))
    .where('visit', '=', visit)
    .execute();
}

export async function assignCompensation(
  tx: Tx<Schema>,
  id: string,
  to: { readonly assigneeId: string | undefined; readonly note: string },
): Promise<void> {
  await tx
    .updateTable('saga_compensations')
    .set({ assignee_id: to.assigneeId ?? null, note: to.note })
    .where('id', '=', id)
    .execute();
}

export async function findCompensation(tx: ReadTx<Schema>, id: string): Promise<Compensation | undefined> {
  const row = await tx.selectFrom('saga_compensations').select(columns).where('id', '=', id).executeTakeFirst();
  return row && toCompensation(row);
}

/** What needs attention, oldest first. Uses the index saga_compensations_queue. */
export async function listQueuedCompensations(
  tx: ReadTx<Schema>,
  filter: {
    readonly attention: Compensation['attention'];
    readonly instanceId: string;
    readonly assigneeId: string;
    readonly cursor: Cursor | undefined;
    readonly limit: number;
  },
): Promise<Compensation[]> {
  let query = tx
    .selectFrom('saga_compensations')
    .select(columns)
    .where('attention', 'is not', null)
    .where(after<Schema, 'saga_compensations'>('asc', filter.cursor));
  if (filter.attention !== undefined) query = query.where('attention', '=', filter.attention);
  if (filter.instanceId !== '') query = query.where('instance_id', '=', filter.instanceId);
  if (filter.assigneeId !== '') query = query.where('assignee_id', '=', filter.assigneeId);
  return (await query.orderBy('id').limit(filter.limit).execute()).map(toCompensation);
}

/** In the order in which the undos run. Uses the index saga_compensations_of_instance. */
export async function listCompensations(tx: ReadTx<Schema>, instanceId: string): Promise<Compensation[]> {
  const rows = await tx
    .selectFrom('saga_compensations')
    .select(columns)
    .where('instance_id', '=', instanceId)
    .orderBy('id')
    .execute();
  return rows.map(toCompensation);
}

function toCompensation(row: Pick<Selectable<SagaCompensations>, (typeof columns)[number]>): Compensation {
  return {
    id: row.id,
    instanceId: row.instance_id,
    path: row.path ?? row.step_id,
    stepId: row.step_id,
    visit: row.visit,
    stepKind: row.compensation_action,
    request: row.compensation_data as JsonObject,
    status: row.status,
    attempts: row.attempts,
    failures: row.failures,
    claim: row.claim,
    errorReason: row.error_reason ?? '',
    errorMessage: row.error_message ?? '',
    effectKey: row.effect_key,
    startedAt: row.started_at ?? undefined,
    completedAt: row.executed_at ?? undefined,
    attention: row.attention ?? undefined,
    assigneeId: row.assignee_id ?? '',
    note: row.note,
    resolution:
      row.resolved_at === null
        ? undefined
        : { reason: row.resolution_reason ?? '', resolvedBy: row.resolved_by ?? '', at: row.resolved_at },
  };
}
