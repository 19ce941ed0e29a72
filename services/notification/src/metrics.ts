import type { Metrics } from '@flotilla/observability';

export type Meters = ReturnType<typeof createMeters>;

export function createMeters(metrics: Metrics) {
  return {
    attempts: metrics.counter('notification_attempts_total', 'Tries to deliver, by how they ended.', [
      'channel',
      'result',
    ]),
  };
}
