import { TriggerUpdatedSchema } from '@flotilla/contracts/workflow';
import { AppError } from '@flotilla/errors';
import { appendEvent } from '@flotilla/events';
import { checkRevision, type Tx } from '@flotilla/postgres';
import { type EncryptionKeyring, seal } from '@flotilla/secrets';
import type { Schema } from '../db/schema.ts';
import { lockTrigger, replaceSecret, saveTrigger } from '../db/trigger-repository.ts';
import type { Trigger } from '../domain/trigger.ts';
import { newWebhookSecret } from '../domain/webhook-signature.ts';
import { toTriggerMessage } from '../messages/trigger-message.ts';
import { secretPlace } from './create-trigger.ts';

/** Gives a webhook a new secret. The old one is accepted for the overlap, the one before that not any more. */
export async function rotateWebhookSecret(
  { now, keyring }: { readonly now: () => Date; readonly keyring: EncryptionKeyring },
  tx: Tx<Schema>,
  { id, etag, overlapMs }: { readonly id: string; readonly etag: string; readonly overlapMs: number },
): Promise<{ readonly trigger: Trigger; readonly webhookSecret: string }> {
  const known = await lockTrigger(tx, id);
  if (known === undefined) throw new AppError('not_found', 'TRIGGER_NOT_FOUND', 'There is no such trigger.');
  checkRevision(known, etag);
  if (known.kind !== 'webhook') {
    throw new AppError('failed_precondition', 'TRIGGER_NOT_WEBHOOK', 'Only a webhook has a secret.');
  }
  const webhookSecret = newWebhookSecret();
  const oldExpiresAt = overlapMs === 0 ? undefined : new Date(now().getTime() + overlapMs);
  await replaceSecret(tx, id, seal(keyring, secretPlace(tx.scope.tenantId, id), webhookSecret), oldExpiresAt);
  const trigger = await saveTrigger(tx, known);
  await appendEvent(tx, { schema: TriggerUpdatedSchema, id, message: { trigger: toTriggerMessage(trigger) } });
  return { trigger, webhookSecret };
}
