import { ApprovalClosedSchema, ApprovalRequestedSchema } from '@flotilla/contracts/workflow';
import { appendEvent } from '@flotilla/events';
import { closeApproval, insertApproval } from '../../db/approval-repository.ts';
import type { Outcome } from '../../domain/journal.ts';
import { toApprovalMessage } from '../../messages/approval-message.ts';
import type { Performer } from '../performer.ts';
import type { ApprovalRequest } from './step.ts';

/** Keeps the approvals that people see beside the journals of their runs. */
export const approvalPerformer: Performer = {
  async waits(tx, { request, wakeAt, ...place }) {
    const { users, permission, formSchema, expiresAt, ...asked } = request as ApprovalRequest;
    const approval = await insertApproval(tx, tx.scope.tenantId, {
      ...place,
      ...asked,
      namedIds: users,
      permission: permission ?? undefined,
      formSchema: formSchema ?? undefined,
      expiresAt: wakeAt === undefined ? undefined : new Date(wakeAt),
    });
    const message = { approval: toApprovalMessage(approval) };
    await appendEvent(tx, { schema: ApprovalRequestedSchema, id: approval.id, message });
    return undefined;
  },
  async waited(tx, place, outcome) {
    const approval = await closeApproval(tx, place, statusAfter(outcome), new Date());
    if (approval === undefined) return; // never asked: what the step was to ask could not be said
    const message = { approval: toApprovalMessage(approval) };
    await appendEvent(tx, { schema: ApprovalClosedSchema, id: approval.id, message });
  },
};

function statusAfter(outcome: Outcome): 'approved' | 'rejected' | 'expired' | 'cancelled' {
  if ('failed' in outcome) return 'cancelled';
  if (outcome.facts['expired'] === true) return 'expired';
  return outcome.facts['decision'] === 'approved' ? 'approved' : 'rejected';
}
