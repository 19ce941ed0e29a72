import Fastify, { type FastifyBaseLogger, type FastifyError, type FastifyInstance, LogController } from 'fastify';
import { chatCompletions } from './chat-completions.ts';
import { type Engine, QuestionRefused } from './engine.ts';
import type { Meters } from './metrics.ts';
import { type Queue, QueueFull } from './queue.ts';

/** The HTTP face of the model, not listening yet. */
export function createHttpServer({
  engine,
  queue,
  meters,
  stopping,
  log,
}: {
  engine: Engine;
  queue: Queue;
  meters: Meters;
  stopping: AbortSignal;
  log: FastifyBaseLogger;
}): FastifyInstance {
  const app = Fastify({
    loggerInstance: log,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: 4 * 1024 * 1024,
    forceCloseConnections: 'idle',
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false } },
  });
  app.setErrorHandler((error: FastifyError, request, reply) => {
    if (error instanceof QueueFull) {
      reply.header('retry-after', error.retryAfterSeconds);
      return reply.code(429).send(problem(error.message, 'rate_limit_error', 'queue_full'));
    }
    if (error instanceof QuestionRefused) {
      return reply.code(400).send(problem(error.message, 'invalid_request_error', error.reason, error.param));
    }
    const status = error.statusCode ?? 500;
    if (status < 500) return reply.code(status).send(problem(error.message, 'invalid_request_error', error.code));
    if (stopping.aborted) return reply.code(503).send(problem('The model is stopping.', 'server_error', 'stopping'));
    request.log.error({ err: error }, 'a request failed');
    return reply.code(500).send(problem('The model failed.', 'server_error', 'internal_error'));
  });
  app.setNotFoundHandler((_request, reply) =>
    reply.code(404).send(problem('There is no such route.', 'invalid_request_error', 'not_found')),
  );
  app.get('/health', () => ({ status: 'ok', waiting: queue.waiting }));
  app.get('/v1/models', () => ({
    object: 'list',
    data: [{ id: engine.modelName, object: 'model', created: 0, owned_by: 'flotilla' }],
  }));
  chatCompletions(app, { engine, queue, meters, stopping });
  return app;
}

function problem(message: string, type: string, code: string, param: string | null = null) {
  return { error: { message, type, code, param } };
}
