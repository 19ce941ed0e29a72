import { methodRules, services } from '@flotilla/contracts';
import type { ChannelOptions } from '@grpc/grpc-js';

/** Methods that change nothing, so that trying again cannot repeat an effect. */
const reads = services.flatMap((service) =>
  service.methods
    .filter((method) => {
      const rules = methodRules(method);
      return rules.audit === undefined && !rules.effect && !rules.idempotent;
    })
    .map((method) => ({ service: service.typeName, method: method.name })),
);

const serviceConfig = JSON.stringify({
  loadBalancingConfig: [{ round_robin: {} }],
  methodConfig: [
    {
      name: reads,
      retryPolicy: {
        maxAttempts: 3,
        initialBackoff: '0.1s',
        maxBackoff: '1s',
        backoffMultiplier: 3,
        retryableStatusCodes: ['UNAVAILABLE'],
      },
    },
  ],
});

/** The same for every client, so that grpc-js lets clients of one address share its connections. */
export function channelOptions(maxMessageBytes = 8 * 2 ** 20): ChannelOptions {
  return {
    'grpc.service_config': serviceConfig,
    'grpc.service_config_disable_resolution': 1,
    'grpc.max_receive_message_length': maxMessageBytes,
    'grpc.keepalive_time_ms': 30_000,
    'grpc.keepalive_timeout_ms': 10_000,
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.max_reconnect_backoff_ms': 2_000,
    'grpc.enable_http_proxy': 0,
  };
}
