import { WorkflowArchivedSchema } from '@flotilla/contracts/workflow';
import { appendEvent } from '@flotilla/events';
import type { Tx } from '@flotilla/postgres';
import type { Schema } from '../db/schema.ts';
import { saveWorkflow } from '../db/workflow-repository.ts';
import { archive, type Workflow } from '../domain/workflow.ts';
import { toWorkflowMessage } from '../messages/workflow-message.ts';
import { lockedWorkflow } from './locked-workflow.ts';

export async function archiveWorkflow(tx: Tx<Schema>, wish: { id: string; etag: string }): Promise<Workflow> {
  const workflow = await saveWorkflow(tx, archive(await lockedWorkflow(tx, wish.id, wish.etag)));
  const message = { workflow: toWorkflowMessage(workflow) };
  await appendEvent(tx, { schema: WorkflowArchivedSchema, id: workflow.id, message });
  return workflow;
}
