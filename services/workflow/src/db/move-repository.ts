import type { DescMessage } from '@bufbuild/protobuf';
import { appendEventsWith, type NewEvent } from '@flotilla/events';
import { CompiledQuery, newId, type Tx } from '@flotilla/postgres';
import type { Recorded } from '../domain/journal.ts';
import type { JsonValue } from '../domain/json.ts';
import { type Bind, type Birth, instanceInserted, instanceUpdated, type RowView } from './instance-repository.ts';
import { toColumn } from './json-column.ts';
import { insertPayloads, isLarge, type Payload, packEntry } from './payload-repository.ts';
import type { Schema } from './schema.ts';

/** What one move writes into the journal of a run, and what is brought up to date by it. */
export interface Move {
  readonly instanceId: string;
  /** Where the run begins with this move: its row is made. */
  readonly birth: Birth | undefined;
  /** What the driver holds to be true. */
  readonly known: { readonly epoch: number; readonly length: number };
  readonly entries: readonly Recorded[];
  readonly view: RowView;
  readonly tasks: readonly TaskMove[];
  readonly events: readonly NewEvent<DescMessage>[];
}

/** A task that is begun, ended, or both at once. */
export interface TaskMove {
  readonly path: string;
  readonly stepId: string;
  readonly stepKind: string;
  readonly visit: number;
  readonly maxAttempts: number;
  readonly begun?: TaskBegun;
  readonly ended?: TaskEnded;
}

export interface TaskBegun {
  /** The place of the journal's entry. */
  readonly seq: number;
  readonly input: JsonValue;
  readonly effectKey: string | undefined;
  readonly at: string;
  /** 1 where whoever writes the move performs the step at once. */
  readonly attempts: 0 | 1;
}

export interface TaskEnded {
  /** The place of the journal's entry. */
  readonly seq: number;
  readonly output: JsonValue | undefined;
  readonly error: { readonly reason: string; readonly message: string } | undefined;
  readonly attempts: number;
  readonly at: string;
}

/**
 * Writes a move as one statement whose answer nobody waits for: row, journal, tasks and outbox. All of it needs the row that is
 * written: where there is none, because another driver has taken the run over since this epoch or somebody else has written
 * the journal, the transaction fails with `stale()`. Tasks are found by the index tasks_visit.
 */
export function writeMove(tx: Tx<Schema>, move: Move, stale: () => Error): void {
  const { instanceId, birth, known, entries, view, tasks, events } = move;
  const { scope } = tx;
  const values: unknown[] = [];
  const bind: Bind = (value) => `$${values.push(value)}`;
  const beside: Payload[] = [];
  const row =
    birth === undefined
      ? instanceUpdated(bind, instanceId, view, known, events.length)
      : instanceInserted(bind, scope, birth, view, events.length);
  const parts = [`bumped as (${row})`];
  if (tasks.length > 0) parts.push(`worked as (${tasksWritten(bind, scope.tenantId, instanceId, tasks)})`);
  const journal = `insert into workflow_journal (tenant_id, instance_id, seq, kind, step_id, visit, entry, occurred_at)
    select ${bind(scope.tenantId)}::uuid, bumped.id, e.seq, e.kind, e.step_id, e.visit, e.entry, e.occurred_at
    from jsonb_to_recordset(${bind(journalRows(known.length, entries, beside))}::jsonb)
      as e (seq integer, kind text, step_id text, visit integer, entry jsonb, occurred_at timestamptz)`;
  if (events.length > 0) {
    parts.push(`written as (${journal} cross join bumped)`);
    appendEventsWith(tx, { text: parts.join(',\n'), values }, events, stale);
  } else {
    const text = `with ${parts.join(',\n')}\n${journal} left join bumped on true`;
    tx.send(CompiledQuery.raw(text, values), (error) => (isOfNoRow(error) ? stale() : error));
  }
  insertPayloads(tx, instanceId, beside);
}

function isOfNoRow(error: unknown): boolean {
  const { code, table, column } = error as { code?: unknown; table?: unknown; column?: unknown };
  return code === '23502' && table === 'workflow_journal' && column === 'instance_id';
}

/** As text: an entry is written as JSON once. */
function journalRows(length: number, entries: readonly Recorded[], beside: Payload[]): string {
  const rows = entries.map(({ occurredAt, ...entry }, index) => {
    const seq = length + index + 1;
    const { kind } = entry;
    const stepId = 'stepId' in entry ? (entry.stepId ?? null) : null;
    const visit = 'visit' in entry ? entry.visit : null;
    const rest = toColumn({ seq, kind, step_id: stepId, visit, occurred_at: occurredAt });
    return `${rest.slice(0, -1)},"entry":${packEntry(seq, entry, beside)}}`;
  });
  return `[${rows.join(',')}]`;
}

function tasksWritten(bind: Bind, tenantId: string, instanceId: string, tasks: readonly TaskMove[]): string {
  return `insert into tasks as known (id, tenant_id, instance_id, path, step_id, step_kind, visit, status, input, input_at, output,
      output_at, error_reason, error_message, attempts, max_attempts, effect_key, started_at, completed_at, duration_ms)
    select t.id, ${bind(tenantId)}::uuid, ${bind(instanceId)}::uuid, t.path, t.step_id, t.step_kind, t.visit, t.status, t.input,
      t.input_at, t.output, t.output_at, t.error_reason, t.error_message, t.attempts, t.max_attempts, t.effect_key, t.started_at,
      t.completed_at, case when t.completed_at is null then null else 0 end
    from jsonb_to_recordset(${bind(`[${tasks.map(taskRow).join(',')}]`)}::jsonb) as t (id uuid, path text, step_id text,
      step_kind text, visit integer, status text, input jsonb, input_at integer, output jsonb, output_at integer, error_reason text,
      error_message text, attempts integer, max_attempts integer, effect_key text, started_at timestamptz, completed_at timestamptz)
    on conflict (tenant_id, instance_id, (coalesce(path, step_id)), visit) do update set status = excluded.status,
      output = excluded.output, output_at = excluded.output_at,
      error_reason = excluded.error_reason, error_message = excluded.error_message,
      attempts = greatest(known.attempts, excluded.attempts), completed_at = excluded.completed_at,
      duration_ms = least(2147483647, greatest(0, extract(epoch from excluded.completed_at - known.started_at) * 1000))::integer`;
}

function taskRow({ path, stepId, stepKind, visit, maxAttempts, begun, ended }: TaskMove): string {
  const input = begun === undefined ? 'null' : toColumn(begun.input);
  const output = ended?.output === undefined ? 'null' : toColumn(ended.output);
  const rest = toColumn({
    id: newId(),
    path,
    step_id: stepId,
    step_kind: stepKind,
    visit,
    status: ended === undefined ? 'running' : ended.error === undefined ? 'completed' : 'failed',
    input_at: isLarge(input) ? (begun?.seq ?? null) : null,
    output_at: isLarge(output) ? (ended?.seq ?? null) : null,
    error_reason: ended?.error?.reason ?? null,
    error_message: ended?.error?.message ?? null,
    attempts: ended === undefined ? (begun?.attempts ?? 0) : Math.max(1, ended.attempts),
    max_attempts: maxAttempts,
    effect_key: begun?.effectKey ?? null,
    started_at: begun?.at ?? null,
    completed_at: ended?.at ?? null,
  });
  const inPlace = (text: string): string => (isLarge(text) ? 'null' : text);
  return `${rest.slice(0, -1)},"input":${inPlace(input)},"output":${inPlace(output)}}`;
}
