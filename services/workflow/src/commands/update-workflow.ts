import { WorkflowUpdatedSchema } from '@flotilla/contracts/workflow';
import { AppError } from '@flotilla/errors';
import { appendEvent } from '@flotilla/events';
import type { Tx } from '@flotilla/postgres';
import type { Schema } from '../db/schema.ts';
import { saveWorkflow } from '../db/workflow-repository.ts';
import type { JsonObject } from '../domain/json.ts';
import { checkDraft, type Workflow } from '../domain/workflow.ts';
import { toWorkflowMessage } from '../messages/workflow-message.ts';
import { lockedWorkflow } from './locked-workflow.ts';

export async function updateWorkflow(
  tx: Tx<Schema>,
  wish: {
    id: string;
    etag: string;
    name: string | undefined;
    description: string | undefined;
    definition: JsonObject | undefined;
  },
): Promise<Workflow> {
  const known = await lockedWorkflow(tx, wish.id, wish.etag);
  if (known.status === 'archived') {
    throw new AppError('failed_precondition', 'WORKFLOW_ARCHIVED', 'An archived workflow does not change.');
  }
  const workflow = await saveWorkflow(tx, {
    ...known,
    name: wish.name ?? known.name,
    description: wish.description ?? known.description,
    definition: wish.definition === undefined ? known.definition : checkDraft(wish.definition),
  });
  await appendEvent(tx, {
    schema: WorkflowUpdatedSchema,
    id: workflow.id,
    message: { workflow: toWorkflowMessage(workflow) },
  });
  return workflow;
}
