import { createHash } from 'node:crypto';
import type { RestClient } from './rest-client.ts';
import type { AuditLine, RunReport } from './run-report.ts';
import { word } from './run-report.ts';

/** Reads each event with its canonical bytes and recomputes the hash, as any outsider could. */
export async function checkHashes(client: RestClient, events: readonly AuditLine[]): Promise<number> {
  let mismatches = 0;
  for (const { id } of events) {
    const event = await client.get(`/v1/audit-events/${id}`);
    const canonical = Buffer.from(String(event['canonical'] ?? ''), 'base64');
    const hash = createHash('sha256').update(canonical).digest('hex');
    if (canonical.length === 0 || hash !== event['checksum']) mismatches += 1;
  }
  return mismatches;
}

/** Who was told because of a run: the notifications that its trace speaks of. */
export async function notificationsOf(client: RestClient, traceId: string): Promise<RunReport['notifications']> {
  const accepted = await client.list(
    `/v1/audit-events?traceId=${traceId}&action=flotilla.notification.v1.NotificationAccepted`,
    'auditEvents',
  );
  return Promise.all(
    accepted.map(async ({ resourceId }) => {
      const notification = await client.get(`/v1/notifications/${resourceId}`);
      return {
        channel: word(notification['channel'], 'CHANNEL_'),
        status: word(notification['status'], 'NOTIFICATION_STATUS_'),
      };
    }),
  );
}
