import { randomUUID } from 'node:crypto';
import { timestampNow } from '@bufbuild/protobuf/wkt';
import { methodRules } from '@flotilla/contracts';
import { ActionResult, ActorType } from '@flotilla/contracts/identity';
import type { AppError } from '@flotilla/errors';
import type { RecordedAction } from '@flotilla/service';
import type { FastifyRequest } from 'fastify';

/** A refused credential as the audit log knows it: from where, for what and why. Who it was cannot be told. */
export function deniedRequest(error: AppError, request: FastifyRequest): RecordedAction {
  const { rpc } = request.routeOptions.config;
  return {
    id: randomUUID(),
    actorType: ActorType.ANONYMOUS,
    action: rpc === undefined ? 'request' : (methodRules(rpc).audit ?? `${rpc.parent.name}.${rpc.name}`),
    result: ActionResult.FAILURE,
    reason: error.reason,
    service: 'gateway',
    traceparent: request.traceparent,
    occurTime: timestampNow(),
    ipAddress: request.ip.slice(0, 45),
  };
}
