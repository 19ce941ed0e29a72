import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { methodRules } from '@flotilla/contracts';
import { ActionResult, ActorType } from '@flotilla/contracts/identity';
import type { Denial } from '@flotilla/grpc';
import { newId } from '@flotilla/postgres';
import type { RecordedAction } from './action-recorder.ts';

const actorTypes = {
  user: ActorType.USER,
  service: ActorType.SERVICE,
  system: ActorType.SYSTEM,
  anonymous: ActorType.ANONYMOUS,
} as const;

/** A denial as the audit log knows it: who was refused what, and why. */
export function toAction(denial: Denial, service: string): RecordedAction {
  const { method, principal, error, traceparent, occurredAt, peer } = denial;
  return {
    id: newId(),
    tenantId: principal?.tenantId ?? '',
    actorType: actorTypes[principal?.actor.type ?? 'anonymous'],
    actorId: principal?.actor.id ?? '',
    action: methodRules(method).audit ?? `${method.parent.name}.${method.name}`,
    result: ActionResult.FAILURE,
    reason: error.reason,
    service,
    traceparent,
    occurTime: timestampFromDate(occurredAt),
    ipAddress: addressOf(peer),
  };
}

/** `127.0.0.1:4711` and `[::1]:4711` without their ports. */
function addressOf(peer: string): string {
  return peer
    .replace(/:\d+$/, '')
    .replace(/^\[|\]$/g, '')
    .slice(0, 45);
}
