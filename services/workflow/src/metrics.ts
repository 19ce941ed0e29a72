import type { Metrics } from '@flotilla/observability';
import type { WhyNot } from './lane/course.ts';

/** Every meter of the service. */
export interface Meters {
  /** An attempt at a step or at an undo ended. */
  attempt(side: 'step' | 'undo', kind: string, outcome: 'done' | 'failed' | 'again', seconds: number): void;
  /** A run was given another driver: its workflow was lost, or the lease of its lane ran out. */
  takenOver(why: 'lost' | 'lease'): void;
  /** A run has left the lane: it is settled, it was lost to another driver, or why it was given to Temporal. */
  laneLeft(how: 'settled' | 'lost' | WhyNot): void;
  /** A ride has ended. */
  rideEnded(how: 'settled' | 'lost' | WhyNot): void;
  /** Runs were taken from the queue. */
  admitted(runs: number): void;
  /** Says how many runs are in the lane. */
  laneSize(count: () => number): void;
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
  const left = metrics.counter('workflow_lane_left_total', 'Runs that left the lane, by how or why.', ['how']);
  const admitted = metrics.counter('workflow_admitted_total', 'Runs that were taken from the queue into the lane.', []);
  const rides = metrics.counter('workflow_rides_total', 'Rides, by how the run left them, or why.', ['how']);
  return {
    rideEnded: (how) => rides.inc({ how }),
    laneLeft: (how) => left.inc({ how }),
    admitted: (runs) => admitted.inc(runs),
    laneSize: (count) =>
      void metrics.gauge('workflow_lane_runs', 'Runs in the lane.', [], (gauge) => gauge.set(count())),
    takenOver: (why) => takeOvers.inc({ why }),
    attempt: (side, kind, outcome, seconds) => attempts.observe({ side, kind, outcome }, seconds),
  };
}
