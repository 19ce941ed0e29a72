import {
  after,
  type Cursor,
  createdBetween,
  type ReadTx,
  type Selectable,
  sql,
  type TransactionScope,
  type Tx,
} from '@flotilla/postgres';
import type { InstanceView } from '../domain/instance.ts';
import type { JsonObject } from '../domain/json.ts';
import type { InstanceStatus } from '../domain/run-state.ts';
import { toColumn } from './json-column.ts';
import type { Schema, WorkflowInstances } from './schema.ts';

/** A visit of a step in another run. */
export interface ParentStep {
  readonly instanceId: string;
  readonly path: string;
  readonly visit: number;
}

/** The row of a run. */
export interface Instance extends InstanceView {
  readonly id: string;
  readonly workflowId: string;
  readonly workflowVersion: number;
  readonly workflowSlug: string;
  readonly input: JsonObject;
  readonly stepsTotal: number;
  /** Given at the start, to find the run by. */
  readonly tags: readonly string[];
  /** The step that started it, where one did. */
  readonly parent: ParentStep | undefined;
  /** How many runs it is inside of. */
  readonly depth: number;
  readonly traceparent: string;
  readonly grantId: string;
  /** How many events led to the run; what it announces carries that on. */
  readonly causationDepth: number;
  readonly createdBy: string;
  readonly createdAt: Date;
  readonly driver: Selectable<WorkflowInstances>['driver'];
  readonly driverEpoch: number;
  readonly journalLength: number;
  /** A command moved the run, and its driver has not been told yet. */
  readonly wakeWanted: boolean;
  readonly revision: number;
}

const columns = [
  'id',
  'workflow_id',
  'workflow_version',
  'workflow_slug',
  'status',
  'compensation',
  'input',
  'output',
  'context',
  'steps_done',
  'steps_total',
  'current_steps',
  'error_reason',
  'error_message',
  'error_step',
  'tags',
  'parent_instance_id',
  'parent_path',
  'parent_visit',
  'depth',
  'traceparent',
  'grant_id',
  'causation_depth',
  'created_by',
  'driver',
  'driver_epoch',
  'journal_length',
  'wake_wanted_at',
  'settled_at',
  'started_at',
  'completed_at',
  'created_at',
  'revision',
] as const;

export type NewInstance = Pick<
  Instance,
  | 'id'
  | 'workflowId'
  | 'workflowVersion'
  | 'workflowSlug'
  | 'input'
  | 'stepsTotal'
  | 'tags'
  | 'traceparent'
  | 'grantId'
  | 'createdBy'
  | 'createdAt'
  | 'driver'
> & { readonly parent: (ParentStep & { readonly effectKey: string; readonly depth: number }) | undefined };

/** A run that begins: what its row starts with, beside what follows from its journal. */
export interface Birth {
  readonly instance: NewInstance;
  /** For how long the lane has the run for itself that it begins in. */
  readonly leaseMs: number;
}

/** Adds a value to a statement, and answers the place that it has there: `$1`. */
export type Bind = (value: unknown) => string;

/** What the row of a run says after a move. */
export type RowView = InstanceView & { readonly journalLength: number; readonly contextChanged: boolean };

/** Writes the row of a run that begins; a part of the statement of its first move. */
export function instanceInserted(
  bind: Bind,
  scope: TransactionScope,
  birth: Birth,
  view: RowView,
  events: number,
): string {
  const { instance, leaseMs } = birth;
  const { parent } = instance;
  const isHeld = instance.driver === 'lane' && !view.settled;
  const columns: Record<string, string> = {
    id: bind(instance.id),
    tenant_id: bind(scope.tenantId),
    workflow_id: bind(instance.workflowId),
    workflow_version: bind(instance.workflowVersion),
    workflow_slug: bind(instance.workflowSlug),
    input: bind(toColumn(instance.input)),
    steps_total: bind(instance.stepsTotal),
    tags: bind(instance.tags),
    parent_instance_id: bind(parent?.instanceId ?? null),
    parent_path: bind(parent?.path ?? null),
    parent_visit: bind(parent?.visit ?? null),
    parent_effect_key: bind(parent?.effectKey ?? null),
    depth: bind(parent?.depth ?? 0),
    traceparent: bind(instance.traceparent),
    grant_id: bind(instance.grantId),
    causation_depth: bind(scope.causationDepth ?? 0),
    created_by: bind(instance.createdBy),
    created_at: bind(instance.createdAt),
    driver: bind(instance.driver),
    lease_until: isHeld ? `now() + make_interval(secs => ${bind(leaseMs / 1000)}::float8)` : 'null',
    ...viewed(bind, view),
    settled_at: view.settled ? 'now()' : 'null',
    event_seq: bind(events),
  };
  return `insert into workflow_instances (${Object.keys(columns).join(', ')})
    values (${Object.values(columns).join(', ')}) returning id, event_seq`;
}

/**
 * Writes what follows from the journal into the row, for a driver of this epoch only that knows the journal up to its end;
 * a part of the statement of a move. Counting events up keeps the trigger from it that says when the row was changed.
 */
export function instanceUpdated(
  bind: Bind,
  id: string,
  view: RowView,
  known: { readonly epoch: number; readonly length: number },
  events: number,
): string {
  const columns: Record<string, string> = {
    ...viewed(bind, view),
    settled_at: view.settled ? 'coalesce(settled_at, now())' : 'null',
    ...(view.settled && {
      lease_until: 'null',
      driver: `case driver when 'queued' then 'temporal' else driver end`,
    }),
    revision: 'revision + 1',
    event_seq: `event_seq + ${bind(events)}`,
    updated_at: 'now()',
  };
  const changes = Object.entries(columns).map(([name, value]) => `${name} = ${value}`);
  return `update workflow_instances set ${changes.join(', ')}
    where id = ${bind(id)} and driver_epoch = ${bind(known.epoch)} and journal_length = ${bind(known.length)}
    returning id, event_seq`;
}

function viewed(bind: Bind, view: RowView): Record<string, string> {
  return {
    status: bind(view.status),
    compensation: bind(view.compensation),
    output: bind(view.output === undefined ? null : toColumn(view.output)),
    ...(view.contextChanged && { context: bind(toColumn(view.context ?? {})) }),
    steps_done: bind(view.stepsDone),
    current_steps: bind(view.currentSteps),
    error_reason: bind(view.error?.reason ?? null),
    error_message: bind(view.error?.message ?? null),
    error_step: bind(view.error?.path ?? null),
    started_at: bind(view.startedAt ?? null),
    completed_at: bind(view.completedAt ?? null),
    journal_length: bind(view.journalLength),
  };
}

export async function findInstance(tx: ReadTx<Schema>, id: string): Promise<Instance | undefined> {
  const row = await tx.selectFrom('workflow_instances').select(columns).where('id', '=', id).executeTakeFirst();
  return row && toInstance(row);
}

/** The run that a visit of a step started. Uses the index workflow_instances_child. */
export async function findChild(tx: ReadTx<Schema>, parentEffectKey: string): Promise<Instance | undefined> {
  const row = await tx
    .selectFrom('workflow_instances')
    .select(columns)
    .where('parent_effect_key', '=', parentEffectKey)
    .executeTakeFirst();
  return row && toInstance(row);
}

/** The row lock puts all writers of a run's journal in a line. */
export async function lockInstance(tx: Tx<Schema>, id: string): Promise<Instance | undefined> {
  const row = await tx
    .selectFrom('workflow_instances')
    .select(columns)
    .where('id', '=', id)
    .forUpdate()
    .executeTakeFirst();
  return row && toInstance(row);
}

/** What a list of runs is narrowed to; empty and undefined mean any. */
export interface InstanceFilter {
  readonly workflowId: string;
  readonly status: InstanceStatus | undefined;
  readonly createdFrom: Date | undefined;
  readonly createdBefore: Date | undefined;
  readonly tag: string;
  readonly createdBy: string;
  readonly parentInstanceId: string;
}

/**
 * Says of statuses what partial indexes are for, workflow_instances_driver_seen and workflow_instances_unsuccessful: runs that are
 * not completed are few among many. Neither index names the status: a run's first move changes it, and would write into them all.
 */
export function rareAmong(statuses: readonly InstanceStatus[]) {
  const all = (few: readonly InstanceStatus[]) => statuses.every((status) => few.includes(status));
  if (all(['pending', 'running', 'paused'])) return sql<boolean>`settled_at is null`;
  return all(['failed', 'cancelled', 'timeout']) ? sql<boolean>`error_reason is not null` : sql<boolean>`true`;
}

/**
 * Uses the index workflow_instances_of_parent, workflow_instances_of_workflow, workflow_instances_by_starter, or the unique key; of a
 * tag the primary key of workflow_instance_tags.
 */
export async function listInstances(
  tx: ReadTx<Schema>,
  filter: InstanceFilter & { readonly cursor: Cursor | undefined; readonly limit: number },
): Promise<Instance[]> {
  const runs = filter.tag === '' ? tx.selectFrom('workflow_instances') : tx.selectFrom(withTag(filter.tag));
  let query = runs
    .select(columns)
    .where(after<Schema, 'workflow_instances'>('desc', filter.cursor))
    .where(createdBetween<Schema, 'workflow_instances'>(filter.createdFrom, filter.createdBefore));
  if (filter.workflowId !== '') query = query.where('workflow_id', '=', filter.workflowId);
  if (filter.status !== undefined) query = query.where('status', '=', filter.status).where(rareAmong([filter.status]));
  if (filter.createdBy !== '') query = query.where('created_by', '=', filter.createdBy);
  if (filter.parentInstanceId !== '') query = query.where('parent_instance_id', '=', filter.parentInstanceId);
  return (await query.orderBy('id', 'desc').limit(filter.limit).execute()).map(toInstance);
}

/**
 * The runs with a tag, in the place of the table of all runs. Each is looked up by itself, in the order of the tag's index: a join
 * would be planned as if the runs with a tag lay evenly among the others, and go through all runs where they do not.
 */
function withTag(tag: string) {
  const ofRun = columns.filter((column) => column !== 'id').map((column) => sql.ref(`run.${column}`));
  return sql<WorkflowInstances>`(select tagged.instance_id as id, ${sql.join(ofRun)} from workflow_instance_tags tagged
    cross join lateral (select ${sql.join(columns.map((column) => sql.ref(column)))} from workflow_instances
      where id = tagged.instance_id limit 1) run
    where tagged.tag = ${tag})`.as<'workflow_instances'>('workflow_instances');
}

export async function hasUnfinishedInstance(tx: ReadTx<Schema>, workflowId: string): Promise<boolean> {
  const row = await tx
    .selectFrom('workflow_instances')
    .select('id')
    .where('workflow_id', '=', workflowId)
    .where('settled_at', 'is', null)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

/** Makes the driver that ended a stale one; the next has the epoch answered, and the run acts by another grant. */
export async function reopenInstance(tx: Tx<Schema>, id: string, grantId: string): Promise<number> {
  const row = await tx
    .updateTable('workflow_instances')
    .set({
      driver: 'temporal',
      lease_until: null,
      driver_epoch: sql<number>`driver_epoch + 1`,
      driver_started_at: null,
      driver_seen_at: sql<Date>`now()`,
      grant_id: grantId,
    })
    .where('id', '=', id)
    .returning('driver_epoch')
    .executeTakeFirstOrThrow();
  return row.driver_epoch;
}

function toInstance(row: Pick<Selectable<WorkflowInstances>, (typeof columns)[number]>): Instance {
  return {
    id: row.id,
    workflowId: row.workflow_id,
    workflowVersion: row.workflow_version,
    workflowSlug: row.workflow_slug,
    status: row.status,
    compensation: row.compensation,
    input: row.input as JsonObject,
    output: row.output === null ? undefined : (row.output as JsonObject),
    context: row.context === null ? undefined : (row.context as JsonObject),
    stepsDone: row.steps_done,
    stepsTotal: row.steps_total,
    currentSteps: row.current_steps,
    error:
      row.error_reason === null
        ? undefined
        : {
            reason: row.error_reason,
            message: row.error_message ?? '',
            ...(row.error_step === null ? {} : { path: row.error_step }),
          },
    tags: row.tags,
    parent:
      row.parent_instance_id === null
        ? undefined
        : { instanceId: row.parent_instance_id, path: row.parent_path ?? '', visit: row.parent_visit ?? 0 },
    depth: row.depth,
    traceparent: row.traceparent,
    grantId: row.grant_id,
    causationDepth: row.causation_depth,
    createdBy: row.created_by,
    createdAt: row.created_at,
    startedAt: row.started_at?.toISOString(),
    completedAt: row.completed_at?.toISOString(),
    settled: row.settled_at !== null,
    driver: row.driver,
    driverEpoch: row.driver_epoch,
    journalLength: row.journal_length,
    wakeWanted: row.wake_wanted_at !== null,
    revision: row.revision,
  };
}

/** Which schedule or trigger started the run. */
export async function markSource(tx: Tx<Schema>, id: string, sourceId: string): Promise<void> {
  await tx.updateTable('workflow_instances').set({ source_id: sourceId }).where('id', '=', id).execute();
}
