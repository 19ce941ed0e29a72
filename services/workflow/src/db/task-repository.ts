import { after, type Cursor, newId, type ReadTx, type Selectable, sql, type Tx } from '@flotilla/postgres';
import type { JsonValue } from '../domain/json.ts';
import { toColumn } from './json-column.ts';
import { isLarge } from './payload-repository.ts';
import type { Schema, Tasks } from './schema.ts';

/** One visit of one step: a projection of the journal, and the place where attempts are counted. */
export interface Task {
  readonly id: string;
  readonly instanceId: string;
  readonly path: string;
  readonly stepId: string;
  readonly stepKind: string;
  readonly visit: number;
  readonly status: Selectable<Tasks>['status'];
  readonly input: JsonValue;
  /** The place in the journal beside which the input lies, where it is large. */
  readonly inputAt: number | undefined;
  readonly output: JsonValue;
  readonly outputAt: number | undefined;
  readonly errorReason: string;
  readonly errorMessage: string;
  readonly attempts: number;
  readonly maxAttempts: number;
  readonly failures: number;
  readonly claim: number;
  readonly effectKey: string;
  readonly startedAt: Date | undefined;
  readonly completedAt: Date | undefined;
  readonly durationMs: number | undefined;
}

const columns = [
  'id',
  'instance_id',
  'path',
  'step_id',
  'step_kind',
  'visit',
  'status',
  'input',
  'input_at',
  'output',
  'output_at',
  'error_reason',
  'error_message',
  'attempts',
  'max_attempts',
  'failures',
  'claim',
  'effect_key',
  'started_at',
  'completed_at',
  'duration_ms',
] as const;

export function insertTask(
  tx: Tx<Schema>,
  tenantId: string,
  task: Pick<Task, 'instanceId' | 'path' | 'stepId' | 'stepKind' | 'visit' | 'input' | 'maxAttempts'> & {
    readonly effectKey: string | undefined;
    readonly startedAt: string;
    /** The place of the journal's entry. */
    readonly seq: number;
  },
): void {
  tx.send(
    tx
      .insertInto('tasks')
      .values({
        id: newId(),
        tenant_id: tenantId,
        instance_id: task.instanceId,
        path: task.path,
        step_id: task.stepId,
        step_kind: task.stepKind,
        visit: task.visit,
        status: 'running',
        ...(isLarge(task.input) ? { input_at: task.seq } : { input: toColumn(task.input) }),
        max_attempts: task.maxAttempts,
        effect_key: task.effectKey ?? null,
        started_at: task.startedAt,
      })
      .compile(),
  );
}

export interface StepPlace {
  readonly instanceId: string;
  readonly path: string;
  readonly visit: number;
}

/** As the indexes tasks_visit and saga_compensations_visit have it: what was written before there were paths stands at the root. */
export function atPath(path: string) {
  return sql<boolean>`coalesce(path, step_id) = ${path}`;
}

export async function lockTask(tx: Tx<Schema>, place: StepPlace): Promise<Task | undefined> {
  const row = await atPlace(tx, place).forUpdate().executeTakeFirst();
  return row && toTask(row);
}

function atPlace(tx: ReadTx<Schema>, { instanceId, path, visit }: StepPlace) {
  return tx
    .selectFrom('tasks')
    .select(columns)
    .where('instance_id', '=', instanceId)
    .where(atPath(path))
    .where('visit', '=', visit);
}

/** Counts an attempt and makes it the one that may write the outcome. */
export async function claimTask(tx: Tx<Schema>, taskId: string, claim: number): Promise<void> {
  await tx.updateTable('tasks').set({ claim, attempts: sql<number>`attempts + 1` }).where('id', '=', taskId).execute();
}

/** Counts only where the attempt still is the newest one. */
export async function countTaskFailure(
  tx: Tx<Schema>,
  taskId: string,
  claim: number,
  error: { readonly reason: string; readonly message: string },
): Promise<void> {
  await tx
    .updateTable('tasks')
    .set({ failures: sql<number>`failures + 1`, error_reason: error.reason, error_message: error.message })
    .where('id', '=', taskId)
    .where('claim', '=', claim)
    .execute();
}

/** A lane had to leave a step in the middle: its attempts count on. */
export function countTriedStep(
  tx: Tx<Schema>,
  { instanceId, path, visit }: StepPlace,
  tried: {
    readonly attempts: number;
    readonly failures: number;
    readonly error: { readonly reason: string; readonly message: string };
  },
): void {
  tx.send(
    tx
      .updateTable('tasks')
      .set({
        attempts: sql<number>`attempts + ${tried.attempts}::integer`,
        failures: sql<number>`failures + ${tried.failures}::integer`,
        error_reason: tried.error.reason,
        error_message: tried.error.message,
      })
      .where('instance_id', '=', instanceId)
      .where(atPath(path))
      .where('visit', '=', visit)
      .compile(),
  );
}

export function finishTask(
  tx: Tx<Schema>,
  { instanceId, path, visit }: StepPlace,
  end: {
    readonly output: JsonValue | undefined;
    readonly error: { readonly reason: string; readonly message: string } | undefined;
    readonly completedAt: string;
    readonly attempts: number;
    /** The place of the journal's entry. */
    readonly seq: number;
  },
): void {
  const isBeside = isLarge(end.output);
  tx.send(
    tx
      .updateTable('tasks')
      .set({
        status: end.error === undefined ? 'completed' : 'failed',
        output: end.output === undefined || isBeside ? null : toColumn(end.output),
        output_at: isBeside ? end.seq : null,
        error_reason: end.error?.reason ?? null,
        error_message: end.error?.message ?? null,
        attempts: sql<number>`greatest(attempts, ${Math.max(1, end.attempts)}::integer)`,
        completed_at: end.completedAt,
        duration_ms: sql<number>`least(2147483647, greatest(0, extract(epoch from ${end.completedAt}::timestamptz - started_at) * 1000))::integer`,
      })
      .where('instance_id', '=', instanceId)
      .where(atPath(path))
      .where('visit', '=', visit)
      .compile(),
  );
}

/** Uses the index tasks_of_instance; ids follow the order in which steps were taken. */
export async function listTasks(
  tx: ReadTx<Schema>,
  instanceId: string,
  page: { cursor: Cursor | undefined; limit: number },
): Promise<Task[]> {
  const rows = await tx
    .selectFrom('tasks')
    .select(columns)
    .where('instance_id', '=', instanceId)
    .where(after<Schema, 'tasks'>('asc', page.cursor))
    .orderBy('id')
    .limit(page.limit)
    .execute();
  return rows.map(toTask);
}

function toTask(row: Pick<Selectable<Tasks>, (typeof columns)[number]>): Task {
  return {
    id: row.id,
    instanceId: row.instance_id,
    path: row.path ?? row.step_id,
    stepId: row.step_id,
    stepKind: row.step_kind,
    visit: row.visit,
    status: row.status,
    input: row.input as JsonValue,
    inputAt: row.input_at ?? undefined,
    output: row.output as JsonValue,
    outputAt: row.output_at ?? undefined,
    errorReason: row.error_reason ?? '',
    errorMessage: row.error_message ?? '',
    attempts: row.attempts,
    maxAttempts: row.max_attempts,
    failures: row.failures,
    claim: row.claim,
    effectKey: row.effect_key ?? '',
    startedAt: row.started_at ?? undefined,
    completedAt: row.completed_at ?? undefined,
    durationMs: row.duration_ms ?? undefined,
  };
}
