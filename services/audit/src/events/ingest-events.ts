import type { DomainEvent } from '@flotilla/events';
import type { Tx } from '@flotilla/postgres';
import { insertAuditEvents } from '../db/audit-event-repository.ts';
import type { Schema } from '../db/schema.ts';
import { seal } from '../domain/canonical-form.ts';
import { toAuditEvent } from './to-audit-event.ts';

/** Seals events of one tenant and appends them. The consumer has let each event pass once only. */
export async function ingestEvents(tx: Tx<Schema>, events: readonly DomainEvent[]): Promise<void> {
  await insertAuditEvents(
    tx,
    events.map((event) => seal(toAuditEvent(event))),
  );
}
