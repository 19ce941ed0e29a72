import { ApprovalDelegatedSchema } from '@flotilla/contracts/workflow';
import { appendEvent } from '@flotilla/events';
import type { Tx } from '@flotilla/postgres';
import { type StoredApproval, saveApproval } from '../db/approval-repository.ts';
import type { Schema } from '../db/schema.ts';
import { type Approver, delegate } from '../domain/approval.ts';
import { toApprovalMessage } from '../messages/approval-message.ts';
import type { Moving } from './advance.ts';
import { lockApprovalOfRun } from './decide-approval.ts';
import { record } from './run.ts';

/** Hands somebody's say to somebody else. */
export async function delegateApproval(
  moving: Moving,
  tx: Tx<Schema>,
  wish: {
    readonly id: string;
    readonly from: Approver;
    readonly to: { readonly userId: string; readonly comment: string };
  },
): Promise<StoredApproval> {
  const now = moving.now();
  const { approval, run } = await lockApprovalOfRun(moving, tx, wish.id);
  const { delegations } = delegate(approval, wish.from, wish.to, now);
  const saved = await saveApproval(tx, { ...approval, delegations });
  const { path, stepId, visit } = approval;
  const said = { fromUserId: wish.from.userId, toUserId: wish.to.userId };
  const entry = { kind: 'approval_delegated', path, stepId, visit, ...said, occurredAt: now.toISOString() } as const;
  await record(moving, tx, run, run.instance.driverEpoch, [entry]);
  await appendEvent(tx, {
    schema: ApprovalDelegatedSchema,
    id: approval.id,
    message: { approval: toApprovalMessage(saved) },
  });
  return saved;
}
