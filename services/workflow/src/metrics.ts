import type { Metrics } from '@flotilla/observability';

/** Every meter of the service. */
export interface Meters {
  /** An attempt at a step or at an undo ended. */
  attempt(side: 'step' | 'undo', kind: string, outcome: 'done' | 'failed' | 'again', seconds: number): void;
  /** A run was given another driver: its workflow was lost. */
  takenOver(why: 'lost'): void;
}

export function createMeters(metrics: Metrics): Meters {
  const attempts = metrics.histogram(
    'workflow_attempt_duration_seconds',
    'Attempts at steps and undos: done, failed for good (an undo: stuck), or to be made again.',
    ['side', 'kind', 'outcome'],
  );
  const takeOvers = metrics.counter(
    'workflow_take_overs_total',
    'Runs that were given another driver, by what became of the one before.',
    ['why'],
  );
  return {
    takenOver: (why) => takeOvers.inc({ why }),
    attempt: (side, kind, outcome, seconds) => attempts.observe({ side, kind, outcome }, seconds),
  };
}
