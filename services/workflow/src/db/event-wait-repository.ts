import type { Arrival } from '@flotilla/events';
import { type ReadTx, sql, type Tx } from '@flotilla/postgres';
import type { EventWait, WaitKey } from '../domain/event-wait.ts';
import type { Visit } from '../domain/journal.ts';
import type { JsonObject } from '../domain/json.ts';
import { toColumn } from './json-column.ts';
import type { Schema } from './schema.ts';

/** A visit of a step that waits for an event. */
export interface WaitingStep extends EventWait, Visit {
  readonly instanceId: string;
}

/** One that is read, in the order of these. */
export interface FoundWait extends WaitingStep {
  readonly hash: string;
  readonly since: Date;
}

export async function insertEventWait(tx: Tx<Schema>, wait: WaitingStep, key: WaitKey): Promise<void> {
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
      key_field: key.field,
      key_hash: key.hash,
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

/** Those of these types that some step of the tenant waits for. Uses the index workflow_event_waits_by_key. */
export async function awaitedTypes(tx: ReadTx<Schema>, eventTypes: readonly string[]): Promise<readonly string[]> {
  const { rows } = await sql<{ event_type: string }>`
    select type as event_type from unnest(${[...eventTypes]}::text[]) type
    where exists (select from workflow_event_waits w where w.event_type = type)`.execute(tx);
  return rows.map((row) => row.event_type);
}

/**
 * The fields by which waits for this type of event are found, among them none. Goes from one to the next in the index
 * workflow_event_waits_by_key, however many waits there are.
 */
export async function keyFields(tx: ReadTx<Schema>, eventType: string): Promise<readonly string[]> {
  const { rows } = await sql<{ field: string }>`
    with recursive fields (field) as (
      (select key_field from workflow_event_waits where event_type = ${eventType} order by key_field limit 1)
      union all
      select (select key_field from workflow_event_waits where event_type = ${eventType} and key_field > field
        order by key_field limit 1)
      from fields where field is not null
    )
    select field from fields where field is not null`.execute(tx);
  return rows.map(({ field }) => field);
}

/** Some steps of the tenant that wait for this type of event since before it came. Uses the index workflow_event_waits_by_key. */
export async function findEventWaits(
  tx: ReadTx<Schema>,
  wanted: {
    readonly eventType: string;
    readonly field: string;
    /** Any, where there are none. */
    readonly hashes: readonly string[] | undefined;
    readonly arrivedAt: Arrival;
  },
  { after, limit }: { readonly after: FoundWait | undefined; readonly limit: number },
): Promise<readonly FoundWait[]> {
  let query = tx
    .selectFrom('workflow_event_waits')
    .select(['instance_id', 'path', 'step_id', 'visit', 'condition', 'known', 'key_hash', 'waits_since'])
    .where('event_type', '=', wanted.eventType)
    .where('key_field', '=', wanted.field)
    .where('waits_since', '<=', sql<Date>`${wanted.arrivedAt}::timestamptz`);
  if (wanted.hashes !== undefined)
    query = query.where('key_hash', '=', sql<string>`any(${[...wanted.hashes]}::text[])`);
  if (after !== undefined) {
    const { hash, instanceId, path, visit } = after;
    query = query.where(
      sql<boolean>`(key_hash, instance_id, path, visit) > (${hash}, ${instanceId}::uuid, ${path}, ${visit}::integer)`,
    );
  }
  const rows = await query
    .orderBy('key_hash')
    .orderBy('instance_id')
    .orderBy('path')
    .orderBy('visit')
    .limit(limit)
    .execute();
  return rows.map((row) => ({
    instanceId: row.instance_id,
    path: row.path,
    stepId: row.step_id,
    visit: row.visit,
    eventType: wanted.eventType,
    condition: row.condition,
    known: row.known as JsonObject,
    hash: row.key_hash,
    since: row.waits_since,
  }));
}
