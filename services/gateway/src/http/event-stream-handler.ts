import type { JsonObject } from '@bufbuild/protobuf';
import { toAppError } from '@flotilla/errors';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { buildRequest } from '../transcoding/build-request.ts';
import type { RestRoute } from '../transcoding/rest-route.ts';
import { showMessage } from '../transcoding/show-reply.ts';
import type { MethodCaller } from './call-method.ts';
import { createEventWriter } from './event-writer.ts';
import type { OpenStreams } from './open-streams.ts';
import { problemOf } from './problem.ts';
import { pathOf } from './problems.ts';
import { restInputOf } from './rest-input.ts';

/** What event streams are made with. Times in milliseconds. */
export interface EventStreamOptions {
  readonly streams: OpenStreams;
  /** How long to wait for a first update or refusal before answering 200: a refusal should be a status, not an event. */
  readonly openAfterMs: number;
  readonly heartbeatMs: number;
  /** A client that takes nothing for this long is dropped. */
  readonly stalledMs: number;
  /** How often the credential of an open stream is asked about again. */
  readonly recheckMs: number;
  /** Throws `unauthenticated` once the credential of a request is worth nothing any more. */
  readonly recheck: (request: FastifyRequest) => Promise<void>;
}

/**
 * Answers one server-streaming method as server-sent events: each update with its cursor as `id`, then `end` or
 * `error`. The service is asked for more only when the client has taken what there was.
 */
export function eventStreamHandler(route: RestRoute, caller: MethodCaller, options: EventStreamOptions) {
  return async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const message = buildRequest(route, restInputOf(route, request));
    const stream = options.streams.open(reply.raw);
    const call = { token: request.principalToken, traceparent: request.traceparent, signal: stream.signal };
    const updates = caller.stream(route.method, message, call)[Symbol.asyncIterator]();
    try {
      const first = updates.next();
      await Promise.race([first, elapsed(options.openAfterMs)]);
      reply.hijack();
      reply.raw.writeHead(200, headersOf(reply));
      const events = createEventWriter(reply.raw, options);
      const recheck = setInterval(() => {
        options.recheck(request).catch((error: unknown) => {
          if (toAppError(error).code === 'unauthenticated') stream.abort(toAppError(error));
        });
      }, options.recheckMs);
      try {
        for (let update = await first; update.done !== true; update = await updates.next()) {
          const json = showMessage(route.method, update.value);
          await events.write({ id: (json as JsonObject)['cursor'], data: json });
        }
        await events.write({ event: 'end', data: {} });
      } catch (thrown) {
        const error = toAppError(thrown);
        if (error.code === 'internal') request.log.error({ err: error }, 'stream failed');
        await events.write({ event: 'error', data: problemOf(error, pathOf(request), request.traceparent) });
      } finally {
        clearInterval(recheck);
        events.end();
      }
      return reply;
    } finally {
      stream.close();
      // Cancels the call where it is still open; nobody waits for that.
      void updates.return?.().catch(() => undefined);
    }
  };
}

function headersOf(reply: FastifyReply): Record<string, string> {
  const own = Object.entries(reply.getHeaders()).map(([name, value]): [string, string] => [name, String(value)]);
  return {
    ...Object.fromEntries(own),
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    // Keeps proxies from collecting events.
    'x-accel-buffering': 'no',
  };
}

function elapsed(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms).unref();
  });
}
