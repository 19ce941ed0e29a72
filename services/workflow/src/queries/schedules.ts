import { AppError } from '@flotilla/errors';
import { pageSizeOf, pageToken, type ReadTx, toPage } from '@flotilla/postgres';
import { listFirings } from '../db/firing-repository.ts';
import { findSchedule, listSchedules } from '../db/schedule-repository.ts';
import type { Schema } from '../db/schema.ts';
import type { Schedule, ScheduleStatus } from '../domain/schedule.ts';

export async function getSchedule(tx: ReadTx<Schema>, id: string): Promise<Schedule> {
  const schedule = await findSchedule(tx, id);
  if (schedule === undefined) throw new AppError('not_found', 'SCHEDULE_NOT_FOUND', 'There is no such schedule.');
  return schedule;
}

export async function pageOfSchedules(
  tx: ReadTx<Schema>,
  wish: { workflowId: string; status: ScheduleStatus | undefined; pageSize: number; pageToken: string },
) {
  const size = pageSizeOf(wish.pageSize);
  const { workflowId, status } = wish;
  const cursor = pageToken.decode(wish.pageToken);
  return toPage(await listSchedules(tx, { workflowId, status, cursor, limit: size + 1 }), size);
}

export async function pageOfFirings(
  tx: ReadTx<Schema>,
  sourceId: string,
  wish: { pageSize: number; pageToken: string },
) {
  const size = pageSizeOf(wish.pageSize);
  const cursor = pageToken.decode(wish.pageToken);
  return toPage(await listFirings(tx, sourceId, { cursor, limit: size + 1 }), size);
}
