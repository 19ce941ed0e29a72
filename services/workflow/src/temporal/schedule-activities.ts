import type { Logger } from '@flotilla/observability';
import type { Database } from '@flotilla/postgres';
import { runAttempt } from '@flotilla/temporal';
import { acceptScheduledTime } from '../commands/accept-scheduled-time.ts';
import type { Editing } from '../commands/create-workflow.ts';
import { driverScope } from '../commands/perform.ts';
import { markUnsynced } from '../db/schedule-sync-repository.ts';
import type { Schema } from '../db/schema.ts';
import type { ScheduleActivities } from './contract.ts';

/** What Temporal asks for at the times of schedules. `accepted` is told after each. */
export function createScheduleActivities(
  editing: Editing & { readonly db: Database<Schema>; readonly log: Logger },
  outdatedSeen: () => void,
  accepted: () => void,
): ScheduleActivities {
  const { db, log } = editing;
  return {
    acceptScheduledTime: (reference, nominalTime) =>
      runAttempt({ log }, async () => {
        const { tenantId, scheduleId, revision } = reference;
        const nominalAt = new Date(nominalTime);
        const { outdated } = await db.inTenant(driverScope(tenantId), async (tx) => {
          const told = await acceptScheduledTime(editing, tx, { scheduleId, revision, nominalAt });
          if (told.outdated) await markUnsynced(tx, scheduleId);
          return told;
        });
        accepted();
        if (outdated) outdatedSeen();
      }),
  };
}
