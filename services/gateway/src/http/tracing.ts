import { parseCausation } from '@flotilla/grpc';
import { newTraceparent, traceIdOf } from '@flotilla/observability';
import type { FastifyInstance } from 'fastify';
import plugin from 'fastify-plugin';

declare module 'fastify' {
  interface FastifyRequest {
    /** W3C trace context: the caller's, or a new one. */
    traceparent: string;
    /** How many events led to the request, where a run made it. */
    causationDepth: number | undefined;
  }
}

/** Gives every request a trace and tells the caller which. */
export const tracing = plugin(
  async (app: FastifyInstance) => {
    app.decorateRequest('traceparent', '');
    app.decorateRequest('causationDepth', undefined);
    app.addHook('onRequest', async (request, reply) => {
      const received = request.headers.traceparent;
      request.traceparent = typeof received === 'string' && isTraceparent(received) ? received : newTraceparent();
      const causation = request.headers['causation-depth'];
      request.causationDepth = typeof causation === 'string' ? parseCausation(causation) : undefined;
      reply.header('traceresponse', request.traceparent);
      reply.header('x-trace-id', traceIdOf(request.traceparent));
    });
  },
  { name: 'tracing', fastify: '5.x' },
);

function isTraceparent(text: string): boolean {
  return /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/.test(text);
}
