import type { AppError } from '@flotilla/errors';
import type { Moved } from '../commands/advance.ts';
import type { Run } from '../commands/run.ts';
import type { RunReference } from '../temporal/contract.ts';

/** A run in a lane: what its journal says is known here, because nobody else may write it, commands apart. */
export interface HeldRun extends RunReference {
  run: Run;
  actions: Moved['actions'];
  /** The last move was ended before its end. */
  more: boolean;
  /** Whether the lease has run out by this process's own clock: then nothing may be begun any more. */
  isOver(): boolean;
}

/** What a step came to in a lane that did not come to its end there. */
export interface TriedStep {
  readonly path: string;
  readonly visit: number;
  readonly attempts: number;
  readonly failures: number;
  readonly error: AppError;
  /** How long to wait before the next attempt. */
  readonly pauseMs: number;
}
