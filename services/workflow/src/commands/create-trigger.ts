import { events } from '@flotilla/contracts';
import { TriggerCreatedSchema } from '@flotilla/contracts/workflow';
import { AppError } from '@flotilla/errors';
import { appendEvent } from '@flotilla/events';
import type { Tx } from '@flotilla/postgres';
import { type EncryptionKeyring, type SealedPlace, seal } from '@flotilla/secrets';
import type { Schema } from '../db/schema.ts';
import { insertTrigger } from '../db/trigger-repository.ts';
import { shareWorkflow } from '../db/workflow-repository.ts';
import { checkTrigger, type Trigger, type TriggerKind } from '../domain/trigger.ts';
import { newWebhookPath, newWebhookSecret } from '../domain/webhook-signature.ts';
import { toTriggerMessage } from '../messages/trigger-message.ts';

/** What a trigger is asked to be. */
export type TriggerWish = Pick<Trigger, 'workflowId' | 'name' | 'kind' | 'eventType' | 'filter' | 'inputMapping'>;

/** What can be known before anything is stored. */
export function checkTriggerWish(wish: TriggerWish): void {
  const { kind, eventType } = wish;
  const known = events.some(({ schema }) => schema.typeName === eventType);
  if (kind === 'event' ? !known : eventType !== '') {
    const message =
      kind === 'event' ? `There is no event "${eventType}".` : 'Only a trigger of kind event has an event type.';
    throw new AppError('invalid_argument', 'EVENT_TYPE_UNKNOWN', message, {
      violations: [{ field: 'event_type', reason: 'EVENT_TYPE_UNKNOWN', message }],
    });
  }
  checkTrigger(wish);
}

export async function createTrigger(
  { now, keyring }: { readonly now: () => Date; readonly keyring: EncryptionKeyring },
  tx: Tx<Schema>,
  wish: TriggerWish & { readonly id: string; readonly grantId: string; readonly createdBy: string },
): Promise<{ readonly trigger: Trigger; readonly webhookSecret: string }> {
  if ((await shareWorkflow(tx, wish.workflowId)) === undefined) {
    throw new AppError('not_found', 'WORKFLOW_NOT_FOUND', 'There is no such workflow.');
  }
  const at = now();
  const trigger: Trigger = {
    ...wish,
    status: 'enabled',
    webhookPath: isWebhook(wish.kind) ? newWebhookPath() : '',
    oldSecretExpiresAt: undefined,
    lastFiredAt: undefined,
    runCount: 0,
    failureCount: 0,
    lastErrorReason: undefined,
    updatedBy: wish.createdBy,
    createdAt: at,
    updatedAt: at,
    deleted: false,
    revision: 1,
  };
  const webhookSecret = isWebhook(wish.kind) ? newWebhookSecret() : '';
  const sealed =
    webhookSecret === '' ? undefined : seal(keyring, secretPlace(tx.scope.tenantId, trigger.id), webhookSecret);
  await insertTrigger(tx, trigger, sealed);
  const message = { trigger: toTriggerMessage(trigger) };
  await appendEvent(tx, { schema: TriggerCreatedSchema, id: trigger.id, message });
  return { trigger, webhookSecret };
}

/** Where a webhook's secret lies. */
export function secretPlace(tenantId: string, row: string): SealedPlace {
  return { tenantId, table: 'workflow_triggers', row, column: 'sealed_secret' };
}

function isWebhook(kind: TriggerKind): boolean {
  return kind === 'webhook';
}
