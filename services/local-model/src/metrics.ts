import type { Metrics } from '@flotilla/observability';
import type { Queue } from './queue.ts';

/** The meters of this service. */
export function createMeters(metrics: Metrics, queue: Queue) {
  metrics.gauge('model_requests_waiting', 'Requests that wait for the one that runs.', [], (gauge) =>
    gauge.set(queue.waiting),
  );
  return {
    answers: metrics.counter('model_answers_total', 'Answers by how they ended.', ['outcome']),
    answerSeconds: metrics.histogram('model_answer_seconds', 'How long answers took, waiting included.'),
    tokens: metrics.counter('model_tokens_total', 'Tokens read and written.', ['kind']),
  };
}

export type Meters = ReturnType<typeof createMeters>;
