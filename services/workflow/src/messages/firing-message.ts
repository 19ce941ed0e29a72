import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { enumWords } from '@flotilla/contracts';
import { FiringCause, type FiringSchema, FiringStatus } from '@flotilla/contracts/workflow';
import type { Firing } from '../domain/firing.ts';

const statuses = enumWords(FiringStatus, ['pending', 'started', 'skipped', 'failed']);
const causes = enumWords(FiringCause, ['schedule', 'call', 'event', 'webhook']);

export function toFiringMessage(firing: Firing): MessageInitShape<typeof FiringSchema> {
  return {
    id: firing.id,
    sourceId: firing.sourceId,
    workflowId: firing.workflowId,
    cause: causes.valueOf(firing.cause),
    status: statuses.valueOf(firing.status),
    nominalTime: timestampFromDate(firing.nominalAt),
    instanceId: firing.instanceId ?? '',
    errorReason: firing.errorReason ?? '',
    errorMessage: firing.errorMessage ?? '',
    attempts: firing.attempts,
    createTime: timestampFromDate(firing.createdAt),
  };
}
