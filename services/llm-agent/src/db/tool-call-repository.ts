import type { ReadTx, Tx } from '@flotilla/postgres';
import type { Schema } from './schema.ts';

/** Where a call of a tool is in its execution. */
export interface ToolCallPlace {
  readonly executionId: string;
  /** The round of calls, from 1. */
  readonly iteration: number;
  /** In the round, from 1. */
  readonly place: number;
}

/** A call of a tool, as it is kept. */
export interface RecordedToolCall extends ToolCallPlace {
  /** The call at the provider that asked for it. */
  readonly attempt: number;
  /** As the model called it. */
  readonly callId: string;
  readonly name: string;
  /** JSON, as the model wrote it. */
  readonly arguments: string;
  readonly status: 'started' | 'succeeded' | 'failed' | 'unknown';
  readonly result: string;
  readonly errorReason: string;
  readonly startedAt: Date;
  readonly completedAt: Date | undefined;
}

export type ToolSettlement = Pick<RecordedToolCall, 'result' | 'errorReason'> & {
  readonly status: 'succeeded' | 'failed';
};

export function insertToolCall(
  tx: Tx<Schema>,
  call: Omit<RecordedToolCall, 'status' | 'result' | 'errorReason' | 'completedAt'>,
): void {
  const insert = tx
    .insertInto('tool_calls')
    .values({
      tenant_id: tx.scope.tenantId,
      execution_id: call.executionId,
      iteration: call.iteration,
      place: call.place,
      attempt: call.attempt,
      call_id: call.callId,
      name: call.name,
      arguments: call.arguments,
      status: 'started',
      started_at: call.startedAt,
    })
    // A write whose commit got lost on the way may be repeated.
    .onConflict((conflict) => conflict.doNothing());
  tx.send(insert.compile());
}

export function settleToolCall(tx: Tx<Schema>, at: ToolCallPlace, settlement: ToolSettlement, now: Date): void {
  const update = tx
    .updateTable('tool_calls')
    .set({
      status: settlement.status,
      result: settlement.result,
      error_reason: settlement.errorReason,
      completed_at: now,
    })
    .where('execution_id', '=', at.executionId)
    .where('iteration', '=', at.iteration)
    .where('place', '=', at.place)
    .where('status', '=', 'started');
  tx.send(update.compile());
}

/** What is open when its execution ends: whether the tool did it is not known. */
export function markToolCallsUnknown(tx: Tx<Schema>, executionId: string, now: Date): void {
  const update = tx
    .updateTable('tool_calls')
    .set({ status: 'unknown', error_reason: 'EXECUTION_LOST', completed_at: now })
    .where('execution_id', '=', executionId)
    .where('status', '=', 'started');
  tx.send(update.compile());
}

/** In their order. */
export async function listToolCalls(tx: ReadTx<Schema>, executionId: string): Promise<RecordedToolCall[]> {
  const rows = await tx
    .selectFrom('tool_calls')
    .select([
      'execution_id',
      'iteration',
      'place',
      'attempt',
      'call_id',
      'name',
      'arguments',
      'status',
      'result',
      'error_reason',
      'started_at',
      'completed_at',
    ])
    .where('execution_id', '=', executionId)
    .orderBy('iteration')
    .orderBy('place')
    .execute();
  return rows.map((row) => ({
    executionId: row.execution_id,
    iteration: row.iteration,
    place: row.place,
    attempt: row.attempt,
    callId: row.call_id,
    name: row.name,
    arguments: row.arguments,
    status: row.status,
    result: row.result,
    errorReason: row.error_reason,
    startedAt: row.started_at,
    completedAt: row.completed_at ?? undefined,
  }));
}
