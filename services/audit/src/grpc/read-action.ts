import { timestampNow } from '@bufbuild/protobuf/wkt';
import { methodRules } from '@flotilla/contracts';
import { ActionResult, ActorType } from '@flotilla/contracts/identity';
import type { Call } from '@flotilla/grpc';
import { newId } from '@flotilla/postgres';
import type { RecordedAction } from '@flotilla/service';

const actorTypes = {
  user: ActorType.USER,
  service: ActorType.SERVICE,
  system: ActorType.SYSTEM,
  anonymous: ActorType.ANONYMOUS,
} as const;

/** A read of the log as an action: who read what. */
export function readAction(call: Call, resourceId: string): RecordedAction {
  const { principal, method, traceparent } = call;
  return {
    id: newId(),
    tenantId: principal.tenantId,
    actorType: actorTypes[principal.actor.type],
    actorId: principal.actor.id,
    action: methodRules(method).audit ?? method.name,
    resourceType: 'audit_events',
    resourceId,
    result: ActionResult.SUCCESS,
    service: 'audit',
    traceparent,
    occurTime: timestampNow(),
  };
}
