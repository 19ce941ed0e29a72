import { WorkflowActivatedSchema } from '@flotilla/contracts/workflow';
import { appendEvent } from '@flotilla/events';
import type { Tx } from '@flotilla/postgres';
import type { Schema } from '../db/schema.ts';
import { insertVersion, saveWorkflow } from '../db/workflow-repository.ts';
import { activate, type Workflow } from '../domain/workflow.ts';
import { toWorkflowMessage } from '../messages/workflow-message.ts';
import type { Editing } from './create-workflow.ts';
import type { Definitions } from './definitions.ts';
import { lockedWorkflow } from './locked-workflow.ts';

export async function activateWorkflow(
  { newId, definitions }: Editing & { readonly definitions: Definitions },
  tx: Tx<Schema>,
  wish: { id: string; etag: string; activatedBy: string },
): Promise<Workflow> {
  const known = await lockedWorkflow(tx, wish.id, wish.etag);
  const { problems } = definitions.read(known.definition);
  const workflow = await saveWorkflow(tx, activate(known, problems));
  await insertVersion(tx, tx.scope.tenantId, { id: newId(), workflow, createdBy: wish.activatedBy });
  await appendEvent(tx, {
    schema: WorkflowActivatedSchema,
    id: workflow.id,
    message: { workflow: toWorkflowMessage(workflow) },
  });
  return workflow;
}
