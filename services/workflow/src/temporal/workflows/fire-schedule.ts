import { proxyLocalActivities, workflowInfo } from '@temporalio/workflow';
import type { ScheduleActivities, ScheduleReference } from '../contract.ts';

const { acceptScheduledTime } = proxyLocalActivities<ScheduleActivities>({
  startToCloseTimeout: '20s',
  retry: { initialInterval: '200ms', maximumInterval: '10s' },
});

/** Hands one time of a schedule over to the database, which knows whether it counts. */
export async function fireSchedule(schedule: ScheduleReference): Promise<void> {
  const { searchAttributes, startTime } = workflowInfo();
  const [nominalTime] = searchAttributes['TemporalScheduledStartTime'] ?? [];
  await acceptScheduledTime(schedule, (nominalTime instanceof Date ? nominalTime : startTime).toISOString());
}
