import type { DescMethod } from '@bufbuild/protobuf';
import type { Metrics } from '@flotilla/observability';
import type { FastifyInstance } from 'fastify';
import plugin from 'fastify-plugin';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The path as the contract writes it. */
    template?: string;
    /** The method behind the route. */
    rpc?: DescMethod;
  }
}

/** Measures and logs every answered request, by route and never by path. */
export const measurement = plugin(
  async (app: FastifyInstance, { metrics }: { readonly metrics: Metrics }) => {
    const durations = metrics.histogram('http_request_duration_seconds', 'Duration of answered requests.', [
      'method',
      'route',
      'status',
    ]);
    app.addHook('onResponse', async (request, reply) => {
      const route = request.routeOptions.config.template ?? request.routeOptions.url ?? 'unknown';
      const { method } = request;
      const durationMs = reply.elapsedTime;
      durations.observe({ method, route, status: String(reply.statusCode) }, durationMs / 1000);
      request.log.info(
        {
          method,
          route,
          status: reply.statusCode,
          durationMs: Math.round(durationMs),
          traceparent: request.traceparent,
        },
        'request answered',
      );
    });
  },
  { name: 'measurement', fastify: '5.x', dependencies: ['tracing'] },
);
