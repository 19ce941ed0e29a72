import type { Tx } from '@flotilla/postgres';
import { updateProgress } from '../db/execution-repository.ts';
import type { Schema } from '../db/schema.ts';
import {
  insertToolCall,
  type RecordedToolCall,
  settleToolCall,
  type ToolCallPlace,
  type ToolSettlement,
} from '../db/tool-call-repository.ts';

/** A call of a tool that is about to be made, or what one came to. */
export type ToolNote =
  | ({ readonly kind: 'begun' } & Omit<
      RecordedToolCall,
      'executionId' | 'attempt' | 'status' | 'result' | 'errorReason' | 'startedAt' | 'completedAt'
    >)
  | ({ readonly kind: 'settled'; readonly settlement: ToolSettlement } & Omit<ToolCallPlace, 'executionId'>);

/** Writes it into the journal. False when the execution is not this owner's any more: then the tool must not be called. */
export async function noteToolCall(
  { now }: { readonly now: () => Date },
  tx: Tx<Schema>,
  { executionId, owner, attempt, note }: { executionId: string; owner: string; attempt: number; note: ToolNote },
): Promise<boolean> {
  if (!(await updateProgress(tx, executionId, owner, { attempts: attempt, lastCursor: undefined }))) return false;
  if (note.kind === 'begun') {
    const { iteration, place, callId, name, arguments: given } = note;
    const call = { executionId, iteration, place, attempt, callId, name, arguments: given };
    insertToolCall(tx, { ...call, startedAt: now() });
  } else {
    const { iteration, place } = note;
    settleToolCall(tx, { executionId, iteration, place }, note.settlement, now());
  }
  return true;
}
