import { ActivityCancellationType, type ActivityOptions } from '@temporalio/workflow';
import type { StepAction, UndoAction } from '../../domain/action.ts';
import { UNDO_TIMEOUT_MS } from '../contract.ts';

const HEARTBEAT = '5s';
const MARGIN_MS = 30_000;
const SLOW_UNDO = { initialInterval: '30s', maximumInterval: '10m' } as const;
const QUICK_UNDO = { initialInterval: '200ms', maximumInterval: '5s' } as const;

/** The journal counts bad answers and ends the step; Temporal only sees that somebody goes on. */
export function stepAttempts({ retry, timeoutMs }: StepAction): ActivityOptions {
  return {
    startToCloseTimeout: timeoutMs + MARGIN_MS,
    heartbeatTimeout: HEARTBEAT,
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    retry: {
      initialInterval: retry.initialIntervalMs,
      maximumInterval: Math.max(retry.initialIntervalMs, retry.maxIntervalMs),
    },
  };
}

/** An undo has no time limit as a whole and cannot be cancelled. */
export function undoAttempts({ pace }: UndoAction): ActivityOptions {
  return {
    startToCloseTimeout: UNDO_TIMEOUT_MS + MARGIN_MS,
    heartbeatTimeout: HEARTBEAT,
    retry: pace === 'quick' ? QUICK_UNDO : SLOW_UNDO,
  };
}
