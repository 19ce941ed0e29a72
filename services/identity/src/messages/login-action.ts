import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { ActionResult, ActorType } from '@flotilla/contracts/identity';
import type { Call } from '@flotilla/grpc';
import type { RecordedAction } from '@flotilla/service';
import type { Standing } from '../domain/standing.ts';

/** A login for the audit log. Who guesses at a password is not the user: they are what the guess was about. */
export function loginAction(
  call: Call,
  about: {
    readonly id: string;
    readonly now: Date;
    readonly standing: Standing | undefined;
    /** The reason; none for a login that succeeded. */
    readonly refusal: string | undefined;
  },
): RecordedAction {
  const { id, now, standing, refusal } = about;
  const userId = standing?.userId ?? '';
  const succeeded = refusal === undefined;
  return {
    id,
    tenantId: standing?.tenantId ?? '',
    actorType: succeeded ? ActorType.USER : ActorType.ANONYMOUS,
    actorId: succeeded ? userId : '',
    action: 'session.login',
    resourceType: userId === '' ? '' : 'users',
    resourceId: userId,
    result: succeeded ? ActionResult.SUCCESS : ActionResult.FAILURE,
    reason: refusal ?? '',
    service: 'identity',
    traceparent: call.traceparent,
    occurTime: timestampFromDate(now),
  };
}
