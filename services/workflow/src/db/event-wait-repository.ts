import { type ReadTx, sql, type Tx } from '@flotilla/postgres';
import type { EventWait } from '../domain/event-wait.ts';
import type { Visit } from '../domain/journal.ts';
import type { JsonObject } from '../domain/json.ts';
import { toColumn } from './json-column.ts';
import type { Schema } from './schema.ts';

/** A visit of a step that waits for an event. */
export interface WaitingStep extends EventWait, Visit {
  readonly instanceId: string;
}

export async function insertEventWait(tx: Tx<Schema>, wait: WaitingStep): Promise<void> {
  await tx
    .insertInto('workflow_event_waits')
    .values({
      tenant_id: tx.scope.tenantId,
      instance_id: wait.instanceId,
      path: wait.path,
      step_id: wait.stepId,
      visit: wait.visit,
      event_type: wait.eventType,
      condition: wait.condition,
      known: toColumn(wait.known),
    })
    .execute();
}

export async function deleteEventWait(
  tx: Tx<Schema>,
  { instanceId, path, visit }: Pick<WaitingStep, 'instanceId' | 'path' | 'visit'>,
): Promise<void> {
  await tx
    .deleteFrom('workflow_event_waits')
    .where('instance_id', '=', instanceId)
    .where('path', '=', path)
    .where('visit', '=', visit)
    .execute();
}

/** Those of these types that some step of the tenant waits for. Uses the index workflow_event_waits_of_type. */
export async function awaitedTypes(tx: ReadTx<Schema>, eventTypes: readonly string[]): Promise<readonly string[]> {
  const { rows } = await sql<{ event_type: string }>`
    select type as event_type from unnest(${[...eventTypes]}::text[]) type
    where exists (select from workflow_event_waits w where w.event_type = type)`.execute(tx);
  return rows.map((row) => row.event_type);
}

/** All steps of the tenant that wait for one of these, run by run. Uses the index workflow_event_waits_of_type. */
export async function findEventWaits(tx: ReadTx<Schema>, eventTypes: readonly string[]): Promise<WaitingStep[]> {
  const rows = await tx
    .selectFrom('workflow_event_waits')
    .select(['instance_id', 'path', 'step_id', 'visit', 'event_type', 'condition', 'known'])
    .where('event_type', 'in', eventTypes)
    .orderBy('instance_id')
    .orderBy('path')
    .execute();
  return rows.map((row) => ({
    instanceId: row.instance_id,
    path: row.path,
    stepId: row.step_id,
    visit: row.visit,
    eventType: row.event_type,
    condition: row.condition,
    known: row.known as JsonObject,
  }));
}
