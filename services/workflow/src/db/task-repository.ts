import { after, type Cursor, type ReadTx, type Selectable, sql, type Tx } from '@flotilla/postgres';
import type { JsonValue } from '../domain/json.ts';
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

/** One of a run's tasks. */
export async function findTask(tx: ReadTx<Schema>, instanceId: string, id: string): Promise<Task | undefined> {
  const row = await tx
    .selectFrom('tasks')
    .select(columns)
    .where('id', '=', id)
    .where('instance_id', '=', instanceId)
    .executeTakeFirst();
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

/** Counts an attempt, unless it is one that goes on, and makes it the one that may write the outcome. */
export function claimTask(tx: Tx<Schema>, taskId: string, claim: number, counted = 1): void {
  const attempts = sql<number>`attempts + ${counted}::integer`;
  tx.send(tx.updateTable('tasks').set({ claim, attempts }).where('id', '=', taskId).compile());
}

/**
 * Counts the first attempts at steps, by whoever performs them without a claim of its own. Counts and
 * answers all of them or, where somebody has tried one before, none. Uses the index tasks_visit.
 */
export function countFirstAttempts(
  tx: Tx<Schema>,
  instanceId: string,
  visits: readonly Omit<StepPlace, 'instanceId'>[],
): Promise<readonly Omit<StepPlace, 'instanceId'>[]> {
  const places = JSON.stringify(visits.map(({ path, visit }) => ({ path, visit })));
  return tx.ask(
    sql<Omit<StepPlace, 'instanceId'>>`
      with untried as (
        select tasks.id, place.path, place.visit
        from tasks join jsonb_to_recordset(${places}::jsonb) as place (path text, visit integer)
          on coalesce(tasks.path, tasks.step_id) = place.path and tasks.visit = place.visit
        where tasks.instance_id = ${instanceId} and tasks.status = 'running' and tasks.attempts = 0 and tasks.claim = 0
        for update of tasks
      )
      update tasks set attempts = 1 from untried
      where tasks.id = untried.id and (select count(*) from untried) = ${visits.length}::integer
      returning untried.path, untried.visit`.compile(tx),
  );
}

/**
 * Has the transaction fail with `stale()` where somebody has claimed one of the steps. Asked behind a move that writes them,
 * which holds their rows, so that nobody claims one between. Uses the index tasks_visit.
 */
export function insistUnclaimed(
  tx: Tx<Schema>,
  instanceId: string,
  visits: readonly Omit<StepPlace, 'instanceId'>[],
  stale: () => Error,
): void {
  const places = JSON.stringify(visits.map(({ path, visit }) => ({ path, visit })));
  // An error is what stops a transaction whose statements are under way together: here that of a division by zero.
  tx.send(
    sql`
      select 1 / (case when exists (
        select from tasks join jsonb_to_recordset(${places}::jsonb) as place (path text, visit integer)
          on coalesce(tasks.path, tasks.step_id) = place.path and tasks.visit = place.visit
        where tasks.instance_id = ${instanceId} and tasks.claim <> 0
      ) then 0 else 1 end)`.compile(tx),
    (error) => ((error as { code?: unknown }).code === '22012' ? stale() : error),
  );
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

/** A step had to be left in the middle: its attempts count on, where nobody has claimed it since. */
export function countTriedStep(
  tx: Tx<Schema>,
  { instanceId, path, visit }: StepPlace,
  tried: {
    readonly attempts: number;
    readonly failures: number;
    readonly error: { readonly reason: string; readonly message: string };
  },
  claim = 0,
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
      .where('claim', '=', claim)
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
