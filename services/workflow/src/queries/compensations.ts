import { AppError } from '@flotilla/errors';
import { pageSizeOf, pageToken, type ReadTx, toPage } from '@flotilla/postgres';
import { type Compensation, findCompensation, listQueuedCompensations } from '../db/compensation-repository.ts';
import type { Schema } from '../db/schema.ts';

export async function getCompensation(tx: ReadTx<Schema>, id: string): Promise<Compensation> {
  const compensation = await findCompensation(tx, id);
  if (compensation === undefined) throw new AppError('not_found', 'COMPENSATION_NOT_FOUND', 'There is no such undo.');
  return compensation;
}

export async function pageOfQueuedCompensations(
  tx: ReadTx<Schema>,
  filter: Pick<Parameters<typeof listQueuedCompensations>[1], 'attention' | 'instanceId' | 'assigneeId'>,
  page: { pageSize: number; pageToken: string },
) {
  const size = pageSizeOf(page.pageSize);
  const cursor = pageToken.decode(page.pageToken);
  return toPage(await listQueuedCompensations(tx, { ...filter, cursor, limit: size + 1 }), size);
}
