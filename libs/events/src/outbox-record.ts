import { create, type JsonObject, toBinary } from '@bufbuild/protobuf';
import { RowChangedSchema, RowOperation } from '@flotilla/contracts/events';
import { toHeaders } from './headers.ts';
import type { OutgoingRecord } from './transport.ts';

/** A row of the outbox. */
export interface OutboxRow {
  readonly seq: string;
  readonly id: string;
  readonly tenant_id: string;
  readonly topic: string;
  readonly aggregate: string;
  readonly aggregate_id: string;
  readonly event_seq: string | null;
  readonly type: string;
  readonly payload: Buffer | null;
  readonly change: CapturedChange | null;
  readonly traceparent: string | null;
  readonly causation_depth: number;
  readonly actor_type: string;
  readonly actor_id: string;
  readonly occurred_at: Date;
}

/** What the capture trigger wrote. */
interface CapturedChange {
  readonly operation: 'INSERT' | 'UPDATE' | 'DELETE';
  readonly before: JsonObject | null;
  readonly after: JsonObject | null;
  readonly database_role: string;
}

const operations = { INSERT: RowOperation.INSERT, UPDATE: RowOperation.UPDATE, DELETE: RowOperation.DELETE };
const maxChangeBytes = 1_500_000;
const longTextLength = 2_000;

/** The record that carries a row of the outbox. Its key is the aggregate: that is what keeps order. */
export function toRecord(row: OutboxRow): OutgoingRecord {
  return {
    topic: row.topic,
    key: row.aggregate_id,
    value: row.change === null ? (row.payload ?? new Uint8Array()) : encodeChange(row, row.change),
    headers: toHeaders({
      id: row.id,
      type: row.type,
      topic: row.topic,
      source: row.topic.split('.').slice(0, 2).join('/'),
      tenantId: row.tenant_id,
      aggregate: row.aggregate,
      aggregateId: row.aggregate_id,
      eventSeq: row.event_seq === null ? undefined : BigInt(row.event_seq),
      occurredAt: row.occurred_at,
      actor: { type: row.actor_type, id: row.actor_id },
      traceparent: row.traceparent ?? undefined,
      causationDepth: row.causation_depth,
    }),
  };
}

function encodeChange(row: OutboxRow, change: CapturedChange): Uint8Array {
  const encode = (shape: (values: JsonObject) => JsonObject) =>
    toBinary(
      RowChangedSchema,
      create(RowChangedSchema, {
        table: row.aggregate,
        rowId: row.aggregate_id,
        operation: operations[change.operation],
        databaseRole: change.database_role,
        ...(change.before && { before: shape(change.before) }),
        ...(change.after && { after: shape(change.after) }),
      }),
    );
  const whole = encode((values) => values);
  // A record that no broker takes would stop the outbox for good.
  return whole.byteLength <= maxChangeBytes ? whole : encode(withoutLongValues);
}

function withoutLongValues(values: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => {
      const { length } = JSON.stringify(value);
      return [name, length > longTextLength ? `(${length} characters left out)` : value];
    }),
  );
}
