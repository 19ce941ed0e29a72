import type { AuditService } from '@flotilla/contracts/audit';
import { AppError } from '@flotilla/errors';
import type { Call, ServiceImplementation } from '@flotilla/grpc';
import type { Database } from '@flotilla/postgres';
import { findAuditEvent } from '../db/audit-event-repository.ts';
import type { Schema } from '../db/schema.ts';
import { toAuditEventMessage } from '../messages/audit-event-message.ts';
import { listAuditEvents } from '../queries/list-audit-events.ts';

/** Hears that somebody read the log: that too belongs into it. */
export type ReadHappened = (call: Call, resourceId: string) => void;

/** Reads of the audit log. */
export function auditEvents(
  db: Database<Schema>,
  readHappened: ReadHappened,
): ServiceImplementation<typeof AuditService> {
  return {
    listAuditEvents: async (request, call) => {
      const { rows, nextPageToken } = await db.read(call, (tx) => listAuditEvents(tx, request));
      readHappened(call, '');
      return { auditEvents: rows.map((event) => toAuditEventMessage(event, { withBytes: false })), nextPageToken };
    },
    getAuditEvent: async ({ id }, call) => {
      const event = await db.read(call, (tx) => findAuditEvent(tx, id));
      if (event === undefined)
        throw new AppError('not_found', 'AUDIT_EVENT_NOT_FOUND', 'There is no such audit event.');
      readHappened(call, id);
      return toAuditEventMessage(event, { withBytes: true });
    },
  };
}
