import { ApprovalDecidedSchema } from '@flotilla/contracts/workflow';
import { AppError } from '@flotilla/errors';
import { appendEvent } from '@flotilla/events';
import type { Tx } from '@flotilla/postgres';
import { findApproval, lockApproval, type StoredApproval, saveApproval } from '../db/approval-repository.ts';
import type { Schema } from '../db/schema.ts';
import { type ApprovalDecision, type Approver, checkForm, decide, verdictOf } from '../domain/approval.ts';
import type { JsonObject } from '../domain/json.ts';
import { toApprovalMessage, toVerdict } from '../messages/approval-message.ts';
import type { Moving } from './advance.ts';
import { lockRun, type Run, record } from './run.ts';
import { settleSuspended } from './settle-suspended.ts';

/** Takes somebody's say. The one that decides brings the step its outcome in the same transaction; wake the driver after it. */
export async function decideApproval(
  moving: Moving,
  tx: Tx<Schema>,
  wish: {
    readonly id: string;
    readonly approver: Approver;
    readonly say: Pick<ApprovalDecision, 'verdict' | 'comment' | 'form'>;
  },
): Promise<StoredApproval> {
  const now = moving.now();
  const { approval, run } = await lockApprovalOfRun(moving, tx, wish.id);
  const { decisions } = decide(approval, wish.approver, wish.say, now);
  checkForm(approval.formSchema, wish.say);
  const saved = await saveApproval(tx, { ...approval, decisions });
  const { path, stepId, visit } = approval;
  const { userId } = wish.approver;
  const { verdict } = wish.say;
  const entry = {
    kind: 'approval_decided',
    path,
    stepId,
    visit,
    userId,
    verdict,
    occurredAt: now.toISOString(),
  } as const;
  const informed = await record(moving, tx, run, run.instance.driverEpoch, [entry]);
  await appendEvent(tx, {
    schema: ApprovalDecidedSchema,
    id: approval.id,
    message: { approval: toApprovalMessage(saved), userId, verdict: toVerdict(verdict) },
  });
  const decision = verdictOf(saved);
  if (decision === undefined) return saved;
  await settleSuspended(moving, tx, informed, approval, { facts: factsOf(decision, saved) });
  return (await findApproval(tx, approval.id)) ?? saved;
}

/** In the order in which drivers lock: the run first. */
export async function lockApprovalOfRun(
  moving: Moving,
  tx: Tx<Schema>,
  id: string,
): Promise<{ readonly approval: StoredApproval; readonly run: Run }> {
  const found = await findApproval(tx, id);
  if (found === undefined) throw new AppError('not_found', 'APPROVAL_NOT_FOUND', 'There is no such approval.');
  const run = await lockRun(moving, tx, found.instanceId);
  return { run, approval: (await lockApproval(tx, id)) ?? found };
}

/** What the step leaves. */
function factsOf(decision: 'approved' | 'rejected', { id, decisions }: StoredApproval): JsonObject {
  const form = decision === 'approved' ? decisions.findLast(({ verdict }) => verdict === 'approve')?.form : undefined;
  return {
    output: form ?? {},
    decision,
    expired: false,
    decisions: decisions.map((one) => ({ ...one })),
    approvalId: id,
  };
}
