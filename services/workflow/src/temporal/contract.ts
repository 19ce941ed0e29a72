import type { Action } from '../domain/interpret.ts';

/** What histories hold: ids and small words, nothing of definitions or data. */
export interface RunReference {
  readonly tenantId: string;
  readonly instanceId: string;
  readonly epoch: number;
}

export type StepAction = Extract<Action, { type: 'step' }>;
export type UndoAction = Extract<Action, { type: 'undo' }>;

export interface Activities {
  advance(run: RunReference): Promise<readonly Action[]>;
  performStep(run: RunReference, action: StepAction): Promise<readonly Action[]>;
  performUndo(run: RunReference, action: UndoAction): Promise<readonly Action[]>;
  abandonStep(run: RunReference, action: StepAction): Promise<readonly Action[]>;
}

/** Name of the workflow in `workflows/run-instance.ts`; its id is the instance's. */
export const RUN_INSTANCE = 'runInstance';
export const CANCEL = 'cancel';

/** How long an undo may take, each try. */
export const UNDO_TIMEOUT_MS = 30_000;
