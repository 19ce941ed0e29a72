import type { Action, StepAction, UndoAction } from '../domain/action.ts';

/** What histories hold: ids and small words, nothing of definitions or data. */
export interface RunReference {
  readonly tenantId: string;
  readonly instanceId: string;
  readonly epoch: number;
}

/** What is under way in a run after a move; of two answers the one with the longer journal is the newer one. */
export interface Moved {
  readonly length: number;
  readonly actions: readonly Action[];
  /** There is more to move at once. */
  readonly more: boolean;
}

/** The work of `drive-instance.ts`. */
export interface Activities {
  moveOn(run: RunReference): Promise<Moved>;
  attemptStep(run: RunReference, action: StepAction): Promise<Moved>;
  attemptUndo(run: RunReference, action: UndoAction): Promise<Moved>;
}

/** The work of `run-instance.ts`. */
export interface SequentialActivities {
  advance(run: RunReference): Promise<readonly Action[]>;
  performStep(run: RunReference, action: StepAction): Promise<readonly Action[]>;
  performUndo(run: RunReference, action: UndoAction): Promise<readonly Action[]>;
  abandonStep(run: RunReference, action: StepAction): Promise<readonly Action[]>;
}

/** Name of the workflow in `workflows/drive-instance.ts`; its id is the instance's. */
export const DRIVE_INSTANCE = 'driveInstance';
export const CANCEL = 'cancel';
export const WAKE = 'wake';

/** How long an undo may take, each try. */
export const UNDO_TIMEOUT_MS = 30_000;

/** A schedule as Temporal was told of it. */
export interface ScheduleReference {
  readonly tenantId: string;
  readonly scheduleId: string;
  readonly revision: number;
}

export interface ScheduleActivities {
  /** `nominalTime` is RFC 3339. */
  acceptScheduledTime(schedule: ScheduleReference, nominalTime: string): Promise<void>;
}

/** Name of the workflow in `workflows/fire-schedule.ts`, which Temporal starts at each time of a schedule. */
export const FIRE_SCHEDULE = 'fireSchedule';
