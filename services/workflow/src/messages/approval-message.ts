import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { type ApprovalSchema, ApprovalStatus, Verdict } from '@flotilla/contracts/workflow';
import type { StoredApproval } from '../db/approval-repository.ts';
import { approverIds, type ApprovalStatus as Status, type Verdict as Word } from '../domain/approval.ts';

const statuses: Record<Status, ApprovalStatus> = {
  pending: ApprovalStatus.PENDING,
  approved: ApprovalStatus.APPROVED,
  rejected: ApprovalStatus.REJECTED,
  expired: ApprovalStatus.EXPIRED,
  cancelled: ApprovalStatus.CANCELLED,
};

const verdicts: Record<Word, Verdict> = { approve: Verdict.APPROVE, reject: Verdict.REJECT };

export function toApprovalMessage(approval: StoredApproval): MessageInitShape<typeof ApprovalSchema> {
  const { expiresAt, closedAt, formSchema } = approval;
  return {
    id: approval.id,
    instanceId: approval.instanceId,
    stepId: approval.stepId,
    path: approval.path,
    visit: approval.visit,
    status: statuses[approval.status],
    title: approval.title,
    message: approval.message,
    approverIds: approverIds(approval),
    permission: approval.permission ?? '',
    quorum: approval.quorum,
    rejections: approval.rejections,
    excludeStarter: approval.excludeStarter,
    startedBy: approval.startedBy,
    ...(formSchema === undefined ? {} : { formSchema }),
    ...(expiresAt === undefined ? {} : { expireTime: timestampFromDate(expiresAt) }),
    onExpiry: expiresAt === undefined ? '' : approval.onExpiry,
    decisions: approval.decisions.map(({ userId, verdict, comment, form, decidedAt }) => ({
      userId,
      comment,
      form,
      verdict: verdicts[verdict],
      decideTime: timestampFromDate(new Date(decidedAt)),
    })),
    delegations: approval.delegations.map(({ fromUserId, toUserId, comment, delegatedAt }) => ({
      fromUserId,
      toUserId,
      comment,
      delegateTime: timestampFromDate(new Date(delegatedAt)),
    })),
    createTime: timestampFromDate(approval.createdAt),
    ...(closedAt === undefined ? {} : { closeTime: timestampFromDate(closedAt) }),
    etag: String(approval.revision),
  };
}

/** Undefined stands for unspecified: any. */
export function fromApprovalStatus(status: ApprovalStatus): Status | undefined {
  return (Object.keys(statuses) as Status[]).find((name) => statuses[name] === status);
}

export function toVerdict(word: Word): Verdict {
  return verdicts[word];
}

export function fromVerdict(verdict: Verdict): Word {
  return verdict === Verdict.APPROVE ? 'approve' : 'reject';
}
