import { AppError } from '@flotilla/errors';
import { pageSizeOf, pageToken, type ReadTx, toPage } from '@flotilla/postgres';
import { findApproval, listApprovals, type StoredApproval } from '../db/approval-repository.ts';
import type { Schema } from '../db/schema.ts';
import type { Approver } from '../domain/approval.ts';

export async function getApproval(tx: ReadTx<Schema>, id: string): Promise<StoredApproval> {
  const approval = await findApproval(tx, id);
  if (approval === undefined) throw new AppError('not_found', 'APPROVAL_NOT_FOUND', 'There is no such approval.');
  return approval;
}

export async function pageOfApprovals(
  tx: ReadTx<Schema>,
  filter: { status: StoredApproval['status'] | undefined; instanceId: string; asks: Approver | undefined },
  page: { pageSize: number; pageToken: string },
) {
  const size = pageSizeOf(page.pageSize);
  const cursor = pageToken.decode(page.pageToken);
  return toPage(await listApprovals(tx, { ...filter, cursor, limit: size + 1 }), size);
}
