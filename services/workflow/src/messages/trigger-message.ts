import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { enumWords } from '@flotilla/contracts';
import { TriggerKind, type TriggerSchema, TriggerStatus } from '@flotilla/contracts/workflow';
import type { Trigger } from '../domain/trigger.ts';

export const triggerKinds = enumWords(TriggerKind, ['api', 'event', 'webhook']);
const statuses = enumWords(TriggerStatus, ['enabled', 'disabled']);

export function toTriggerMessage(trigger: Trigger): MessageInitShape<typeof TriggerSchema> {
  const { lastFiredAt, oldSecretExpiresAt } = trigger;
  return {
    id: trigger.id,
    workflowId: trigger.workflowId,
    name: trigger.name,
    kind: triggerKinds.valueOf(trigger.kind),
    status: statuses.valueOf(trigger.status),
    eventType: trigger.eventType,
    filter: trigger.filter,
    inputMapping: { ...trigger.inputMapping },
    webhookPath: trigger.webhookPath,
    ...(lastFiredAt === undefined ? {} : { lastFiredTime: timestampFromDate(lastFiredAt) }),
    ...(oldSecretExpiresAt === undefined ? {} : { oldSecretExpireTime: timestampFromDate(oldSecretExpiresAt) }),
    runCount: trigger.runCount,
    failureCount: trigger.failureCount,
    lastErrorReason: trigger.lastErrorReason ?? '',
    createdBy: trigger.createdBy,
    updatedBy: trigger.updatedBy,
    createTime: timestampFromDate(trigger.createdAt),
    updateTime: timestampFromDate(trigger.updatedAt),
    etag: String(trigger.revision),
  };
}
