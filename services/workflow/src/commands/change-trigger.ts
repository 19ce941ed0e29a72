import { TriggerDeletedSchema, TriggerUpdatedSchema } from '@flotilla/contracts/workflow';
import { AppError } from '@flotilla/errors';
import { appendEvent } from '@flotilla/events';
import { checkRevision, type Tx } from '@flotilla/postgres';
import { insertEndedGrant } from '../db/grant-repository.ts';
import type { Schema } from '../db/schema.ts';
import { lockTrigger, saveTrigger } from '../db/trigger-repository.ts';
import { checkTrigger, type Trigger } from '../domain/trigger.ts';
import { toTriggerMessage } from '../messages/trigger-message.ts';

/** Changes a trigger, or removes it. `change` is pure. */
export async function changeTrigger(
  tx: Tx<Schema>,
  { id, etag }: { id: string; etag: string },
  change: (known: Trigger) => Trigger,
): Promise<Trigger> {
  const before = await lockTrigger(tx, id);
  if (before === undefined) throw new AppError('not_found', 'TRIGGER_NOT_FOUND', 'There is no such trigger.');
  checkRevision(before, etag);
  const changed = change(before);
  if (changed === before) return before;
  checkTrigger(changed);
  const trigger = await saveTrigger(tx, changed);
  if (trigger.deleted || trigger.grantId !== before.grantId) await insertEndedGrant(tx, before.grantId);
  const message = { trigger: toTriggerMessage(trigger) };
  const schema = trigger.deleted ? TriggerDeletedSchema : TriggerUpdatedSchema;
  await appendEvent(tx, { schema, id, message });
  return trigger;
}
