import type { ApprovalService } from '@flotilla/contracts/workflow';
import type { Call, ServiceImplementation } from '@flotilla/grpc';
import type { Moving } from '../commands/advance.ts';
import { decideApproval } from '../commands/decide-approval.ts';
import { delegateApproval } from '../commands/delegate-approval.ts';
import type { Approver } from '../domain/approval.ts';
import { fromApprovalStatus, fromVerdict, toApprovalMessage } from '../messages/approval-message.ts';
import { getApproval, pageOfApprovals } from '../queries/approvals.ts';
import { actorId } from './actor-id.ts';
import type { Running } from './instances.ts';

export function approvals(
  running: Moving & Pick<Running, 'db' | 'drivers'>,
): ServiceImplementation<typeof ApprovalService> {
  const { db, drivers } = running;
  return {
    getApproval: ({ id }, call) => db.read(call, async (tx) => toApprovalMessage(await getApproval(tx, id))),
    listApprovals: ({ mine, status, instanceId, ...page }, call) =>
      db.read(call, async (tx) => {
        const asks = mine ? approverOf(call) : undefined;
        const { rows, nextPageToken } = await pageOfApprovals(
          tx,
          { status: fromApprovalStatus(status), instanceId, asks },
          page,
        );
        return { approvals: rows.map(toApprovalMessage), nextPageToken };
      }),
    async decideApproval({ id, verdict, comment, form = {} }, call) {
      const say = { verdict: fromVerdict(verdict), comment, form };
      const approval = await db.write(call, async (tx) =>
        toApprovalMessage(await decideApproval(running, tx, { id, approver: approverOf(call), say })),
      );
      drivers.wake({ tenantId: call.principal.tenantId, instanceId: approval.instanceId ?? '' });
      return approval;
    },
    delegateApproval: ({ id, toUserId, comment }, call) =>
      db.write(call, async (tx) =>
        toApprovalMessage(
          await delegateApproval(running, tx, { id, from: approverOf(call), to: { userId: toUserId, comment } }),
        ),
      ),
  };
}

function approverOf(call: Call): Approver {
  return { userId: actorId(call), permissions: call.principal.permissions };
}
