import { WorkflowCreatedSchema } from '@flotilla/contracts/workflow';
import { appendEvent } from '@flotilla/events';
import type { Tx } from '@flotilla/postgres';
import type { Schema } from '../db/schema.ts';
import { insertWorkflow } from '../db/workflow-repository.ts';
import type { JsonObject } from '../domain/json.ts';
import { checkDraft, type Workflow } from '../domain/workflow.ts';
import { toWorkflowMessage } from '../messages/workflow-message.ts';

/** What changing workflows needs from outside. */
export interface Editing {
  readonly now: () => Date;
  readonly newId: () => string;
}

export async function createWorkflow(
  { now, newId }: Editing,
  tx: Tx<Schema>,
  wish: { name: string; slug: string; description: string; definition: JsonObject; createdBy: string },
): Promise<Workflow> {
  const at = now();
  const workflow: Workflow = {
    id: newId(),
    name: wish.name,
    slug: wish.slug,
    description: wish.description,
    definition: checkDraft(wish.definition),
    createdBy: wish.createdBy,
    status: 'draft',
    version: 0,
    createdAt: at,
    updatedAt: at,
    revision: 1,
  };
  await insertWorkflow(tx, tx.scope.tenantId, workflow);
  await appendEvent(tx, {
    schema: WorkflowCreatedSchema,
    id: workflow.id,
    message: { workflow: toWorkflowMessage(workflow) },
  });
  return workflow;
}
