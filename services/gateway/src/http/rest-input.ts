import type { JsonValue } from '@bufbuild/protobuf';
import { AppError } from '@flotilla/errors';
import type { FastifyRequest } from 'fastify';
import type { RestInput } from '../transcoding/build-request.ts';
import type { RestRoute } from '../transcoding/rest-route.ts';

/** What a request says, apart from who sends it. */
export function restInputOf(route: RestRoute, request: FastifyRequest): RestInput {
  if (!route.hasBody && request.body !== undefined && !isEmpty(request.body)) {
    throw new AppError('invalid_argument', 'BODY_UNEXPECTED', 'This operation has no body; use query parameters.');
  }
  return {
    path: request.params as RestInput['path'],
    query: request.query as RestInput['query'],
    body: route.hasBody ? (request.body as JsonValue | undefined) : undefined,
    ifMatch: request.headers['if-match'],
    lastEventId: singleHeader(request, 'last-event-id'),
  };
}

/** The caller's idempotency key. gRPC metadata takes printable ASCII only, hence checked here already. */
export function idempotencyKeyOf(request: FastifyRequest): string | undefined {
  const key = singleHeader(request, 'idempotency-key');
  if (key !== undefined && !/^[\x20-\x7e]{1,255}$/.test(key)) {
    throw new AppError(
      'invalid_argument',
      'INVALID_IDEMPOTENCY_KEY',
      'An idempotency key has 1 to 255 printable ASCII characters.',
    );
  }
  return key;
}

function singleHeader(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(',') : value;
}

function isEmpty(body: unknown): boolean {
  return typeof body === 'object' && body !== null && Object.keys(body).length === 0;
}
