import { WorkflowDeprecatedSchema } from '@flotilla/contracts/workflow';
import { appendEvent } from '@flotilla/events';
import type { Tx } from '@flotilla/postgres';
import type { Schema } from '../db/schema.ts';
import { saveWorkflow } from '../db/workflow-repository.ts';
import { deprecate, type Workflow } from '../domain/workflow.ts';
import { toWorkflowMessage } from '../messages/workflow-message.ts';
import { lockedWorkflow } from './locked-workflow.ts';

export async function deprecateWorkflow(tx: Tx<Schema>, wish: { id: string; etag: string }): Promise<Workflow> {
  const workflow = await saveWorkflow(tx, deprecate(await lockedWorkflow(tx, wish.id, wish.etag)));
  await appendEvent(tx, {
    schema: WorkflowDeprecatedSchema,
    id: workflow.id,
    message: { workflow: toWorkflowMessage(workflow) },
  });
  return workflow;
}
