import type { Metrics } from '@flotilla/observability';

/** The meters of this service. Providers are few and configured; models are not, so they are no label. */
export function createMeters(metrics: Metrics, running: () => number) {
  let secretsToRewrap = 0;
  metrics.gauge('provider_secrets_to_rewrap', 'Secrets under an older key, as last counted (up to 100).', [], (gauge) =>
    gauge.set(secretsToRewrap),
  );
  metrics.gauge('agent_executions_running', 'Executions that this process runs.', [], (gauge) => gauge.set(running()));
  return {
    executions: metrics.counter('agent_executions_total', 'Executions by how they ended.', ['status', 'reason']),
    attempts: metrics.counter('provider_attempts_total', 'Calls at providers.', ['provider', 'outcome']),
    attemptSeconds: metrics.histogram('provider_attempt_seconds', 'How long calls at providers took.', ['provider']),
    tokens: metrics.counter('provider_tokens_total', 'Tokens that providers counted.', ['provider', 'kind']),
    secretsToRewrap(count: number) {
      secretsToRewrap = count;
    },
    swept: metrics.counter('agent_executions_lost_total', 'Executions that the sweep ended.'),
  };
}

export type Meters = ReturnType<typeof createMeters>;
