import { AppError } from '@flotilla/errors';
import { newTraceparent } from '@flotilla/observability';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import plugin from 'fastify-plugin';
import { errorOf, problemOf } from './problem.ts';

/** What the problems plugin is made with. */
export interface ProblemsOptions {
  readonly bodyLimitBytes: number;
  /** The verbs that a path answers to; none where there is no such path. */
  readonly allowedVerbs: (path: string) => readonly string[];
}

/** Shows every failure as application/problem+json, unknown paths and verbs included. */
export const problems = plugin(
  async (app: FastifyInstance, options: ProblemsOptions) => {
    app.setErrorHandler((thrown, request, reply) =>
      sendProblem(errorOf(thrown, options.bodyLimitBytes), request, reply),
    );
    app.setNotFoundHandler((request, reply) => {
      const allowed = options.allowedVerbs(pathOf(request));
      // A path can look like one of ours and still hold what no route takes, such as an escaped slash.
      if (allowed.length === 0 || allowed.includes(request.method)) {
        return sendProblem(new AppError('not_found', 'ROUTE_NOT_FOUND', 'There is no such path.'), request, reply);
      }
      reply.header('allow', allowed.join(', '));
      const detail = `This path answers to ${allowed.join(', ')}.`;
      return sendProblem(new AppError('invalid_argument', 'METHOD_NOT_ALLOWED', detail), request, reply);
    });
  },
  { name: 'problems', fastify: '5.x', dependencies: ['tracing'] },
);

/** Answers a request with a problem and logs what nobody outside is told. */
export function sendProblem(error: AppError, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  if (error.code === 'internal') request.log.error({ err: error }, 'request failed');
  const problem = problemOf(error, pathOf(request), request.traceparent);
  if (error.retryAfterMs !== undefined) reply.header('retry-after', Math.ceil(error.retryAfterMs / 1000));
  if (problem.status === 401) reply.header('www-authenticate', 'Bearer realm="flotilla"');
  // A route may have set these for the answer that did not come about.
  reply.removeHeader('etag').removeHeader('location');
  return reply
    .code(problem.status)
    .type('application/problem+json')
    .header('cache-control', 'no-store')
    .send(JSON.stringify(problem));
}

/** Answers a request whose URL is no URL: it has neither path nor trace. */
export function sendBareProblem(error: AppError, reply: FastifyReply): void {
  const problem = problemOf(error, '', newTraceparent());
  void reply.code(problem.status).type('application/problem+json').send(JSON.stringify(problem));
}

/** The path without its query, which may hold anything. */
export function pathOf(request: FastifyRequest): string {
  const end = request.url.indexOf('?');
  return end < 0 ? request.url : request.url.slice(0, end);
}
