import { timestampDate } from '@bufbuild/protobuf/wkt';
import type { ListAuditEventsRequest } from '@flotilla/contracts/audit';
import { pageSizeOf, pageToken, type ReadTx, toPage } from '@flotilla/postgres';
import { findAuditEvents, type Position, type StoredAuditEvent } from '../db/audit-event-repository.ts';
import type { Schema } from '../db/schema.ts';

/** One page of the log, newest first. */
export async function listAuditEvents(
  tx: ReadTx<Schema>,
  request: ListAuditEventsRequest,
): Promise<{ readonly rows: readonly StoredAuditEvent[]; readonly nextPageToken: string }> {
  const size = pageSizeOf(request.pageSize);
  const filter = {
    actorId: given(request.actorId),
    resourceType: given(request.resourceType),
    resourceId: given(request.resourceId),
    action: given(request.action),
    eventType: given(request.eventType),
    traceId: given(request.traceId),
    from: request.startTime && timestampDate(request.startTime),
    until: request.endTime && timestampDate(request.endTime),
  };
  const rows = await findAuditEvents(tx, filter, positionOf(request.pageToken), size + 1);
  return toPage(rows, size, ({ id, occurredAt }) => ({ id, createdAt: occurredAt }));
}

function given(text: string): string | undefined {
  return text === '' ? undefined : text;
}

function positionOf(token: string): Position | undefined {
  const cursor = pageToken.decode(token);
  return cursor?.createdAt === undefined ? undefined : { id: cursor.id, occurredAt: cursor.createdAt };
}
