import { AppError } from '@flotilla/errors';
import type { FiringSource } from './firing-source.ts';
import { type JsonObject, sizeOf } from './json.ts';
import type { Timing } from './timing.ts';

export type ScheduleStatus = 'active' | 'paused';
export type OverlapPolicy = 'skip' | 'buffer_one' | 'buffer_all' | 'cancel_other' | 'allow_all';

/** Starts runs of a workflow at set times. What was wished for counts up `revision`; what happens does not. */
export interface Schedule extends FiringSource {
  readonly timing: Timing;
  readonly status: ScheduleStatus;
  readonly overlapPolicy: OverlapPolicy;
  readonly maxConcurrentExecutions: number;
  readonly catchupWindowSeconds: number;
  readonly defaultInput: JsonObject;
  readonly nextRunAt: Date | undefined;
  readonly lastRunAt: Date | undefined;
  readonly runCount: number;
  readonly missedCount: number;
  readonly syncError: string | undefined;
}

/** Firings of one schedule that may wait at once. */
const MAX_WAITING = 1_000;
const MAX_INPUT_BYTES = 256 * 1024;

/** What a firing does about the runs that are under way: `cancel` names the run that makes room for it. */
export type OverlapDecision =
  | { readonly type: 'start'; readonly cancel?: string }
  | { readonly type: 'wait' }
  | { readonly type: 'skip'; readonly reason: 'OVERLAP_SKIPPED' | 'OVERLAP_BUFFER_FULL' };

/** `running` are the schedule's runs under way, the oldest first; `ahead` counts the firings that wait since before this one. */
export function decideOverlap(
  { overlapPolicy, maxConcurrentExecutions }: Pick<Schedule, 'overlapPolicy' | 'maxConcurrentExecutions'>,
  { running, ahead }: { readonly running: readonly string[]; readonly ahead: number },
): OverlapDecision {
  const full = running.length >= maxConcurrentExecutions;
  switch (overlapPolicy) {
    case 'allow_all':
      return { type: 'start' };
    case 'skip':
      return full ? { type: 'skip', reason: 'OVERLAP_SKIPPED' } : { type: 'start' };
    case 'cancel_other':
      return full && running[0] !== undefined ? { type: 'start', cancel: running[0] } : { type: 'start' };
    case 'buffer_one':
      if (ahead > 0) return { type: 'skip', reason: 'OVERLAP_BUFFER_FULL' };
      return full ? { type: 'wait' } : { type: 'start' };
    case 'buffer_all':
      if (ahead >= MAX_WAITING) return { type: 'skip', reason: 'OVERLAP_BUFFER_FULL' };
      return full || ahead > 0 ? { type: 'wait' } : { type: 'start' };
  }
}

/** The input is checked against the workflow's schema when a run starts; it may not be huge before. */
export function checkDefaultInput(input: JsonObject): JsonObject {
  const size = sizeOf(input);
  if (size > MAX_INPUT_BYTES) {
    throw new AppError(
      'invalid_argument',
      'INPUT_TOO_LARGE',
      `The input has ${size} bytes; at most ${MAX_INPUT_BYTES} are allowed.`,
    );
  }
  return input;
}
