import { withCausation } from '@flotilla/grpc';
import { withTraceparent } from '@flotilla/observability';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { buildRequest } from '../transcoding/build-request.ts';
import { entityTag, isKnown } from '../transcoding/entity-tag.ts';
import type { RestRoute } from '../transcoding/rest-route.ts';
import { type CreatedAt, showReply } from '../transcoding/show-reply.ts';
import type { MethodCaller } from './call-method.ts';
import { goneSignal } from './gone-signal.ts';
import { idempotencyKeyOf, restInputOf } from './rest-input.ts';

/** How long a call may take. */
export interface Deadlines {
  readonly requestMs: number;
  /** For methods that change something outside the fleet, such as an agent's execution. */
  readonly effectMs: number;
}

/**
 * Answers one unary method. A read ends when its caller goes away; a write goes on to its end or its deadline, so that
 * a retry with the same idempotency key finds the outcome.
 */
export function unaryHandler(
  route: RestRoute,
  caller: MethodCaller,
  created: CreatedAt | undefined,
  deadlines: Deadlines,
) {
  const deadlineMs = route.rules.effect ? deadlines.effectMs : deadlines.requestMs;
  return async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const message = buildRequest(route, restInputOf(route, request));
    const idempotencyKey = idempotencyKeyOf(request);
    const signal = route.verb === 'GET' ? goneSignal(reply.raw) : undefined;
    const answer = await withTraceparent(request.traceparent, `${route.verb} ${route.template}`, () =>
      withCausation(request.causationDepth, () =>
        caller.unary(route.method, message, { token: request.principalToken, deadlineMs, idempotencyKey, signal }),
      ),
    );
    const { status, json, etag, location } = showReply(route, created, answer);
    if (etag !== undefined) reply.header('etag', entityTag(etag));
    if (location !== undefined) reply.header('location', location);
    // Answers belong to one caller and change: only a question about a known state may be cut short.
    reply.header('cache-control', etag === undefined || route.verb !== 'GET' ? 'no-store' : 'private, no-cache');
    const known = request.headers['if-none-match'];
    if (route.verb === 'GET' && etag !== undefined && known !== undefined && isKnown(known, etag)) {
      return reply.code(304).send();
    }
    if (json === undefined) return reply.code(status).send();
    return reply.code(status).type('application/json; charset=utf-8').send(JSON.stringify(json));
  };
}
