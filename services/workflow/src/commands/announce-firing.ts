import { ScheduleFiredSchema, TriggerFiredSchema } from '@flotilla/contracts/workflow';
import { appendEvent } from '@flotilla/events';
import type { Tx } from '@flotilla/postgres';
import type { Schema } from '../db/schema.ts';
import type { Firing } from '../domain/firing.ts';
import { toFiringMessage } from '../messages/firing-message.ts';

/** Tells what became of a firing. */
export async function announceFiring(tx: Tx<Schema>, firing: Firing): Promise<void> {
  const message = { firing: toFiringMessage(firing) };
  const schema = firing.source === 'schedule' ? ScheduleFiredSchema : TriggerFiredSchema;
  await appendEvent(tx, { schema, id: firing.sourceId, message });
}
