import { WorkflowDeletedSchema } from '@flotilla/contracts/workflow';
import { AppError } from '@flotilla/errors';
import { appendEvent } from '@flotilla/events';
import type { Tx } from '@flotilla/postgres';
import { hasUnfinishedInstance } from '../db/instance-repository.ts';
import type { Schema } from '../db/schema.ts';
import { hasStarters } from '../db/starter-repository.ts';
import { markWorkflowDeleted } from '../db/workflow-repository.ts';
import { toWorkflowMessage } from '../messages/workflow-message.ts';
import type { Editing } from './create-workflow.ts';
import { lockedWorkflow } from './locked-workflow.ts';

/** The row lock keeps new runs from being started meanwhile: starting one locks the workflow too. */
export async function deleteWorkflow(
  { now }: Editing,
  tx: Tx<Schema>,
  wish: { id: string; etag: string },
): Promise<void> {
  const workflow = await lockedWorkflow(tx, wish.id, wish.etag);
  if (await hasUnfinishedInstance(tx, workflow.id)) {
    throw new AppError('failed_precondition', 'WORKFLOW_IN_USE', 'The workflow has runs that are not finished.');
  }
  if (await hasStarters(tx, workflow.id)) {
    throw new AppError('failed_precondition', 'WORKFLOW_IN_USE', 'The workflow has schedules or triggers.');
  }
  await markWorkflowDeleted(tx, workflow.id, now());
  await appendEvent(tx, {
    schema: WorkflowDeletedSchema,
    id: workflow.id,
    message: { workflow: toWorkflowMessage(workflow) },
  });
}
