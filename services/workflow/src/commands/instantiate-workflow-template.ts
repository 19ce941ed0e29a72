import { WorkflowTemplateInstantiatedSchema } from '@flotilla/contracts/workflow';
import { AppError } from '@flotilla/errors';
import { appendEvent } from '@flotilla/events';
import type { Tx } from '@flotilla/postgres';
import type { Schema } from '../db/schema.ts';
import { countUse } from '../db/workflow-template-repository.ts';
import type { JsonObject } from '../domain/json.ts';
import { checkedDraft, type Workflow } from '../domain/workflow.ts';
import { fillIn } from '../domain/workflow-template.ts';
import { lockedTemplate } from './change-workflow-template.ts';
import { createWorkflow, type Editing } from './create-workflow.ts';
import type { Definitions } from './definitions.ts';

/** Makes a draft from a template. It is checked as for an activation, so that a template that makes nonsense is seen at once. */
export async function instantiateWorkflowTemplate(
  editing: Editing & { readonly definitions: Definitions },
  tx: Tx<Schema>,
  wish: { id: string; name: string; slug: string; parameters: JsonObject; createdBy: string },
): Promise<Workflow> {
  const template = await lockedTemplate(tx, wish.id);
  if (!template.active) {
    throw new AppError('failed_precondition', 'WORKFLOW_TEMPLATE_INACTIVE', 'The template is not active.');
  }
  const definition = fillIn(template, wish.parameters);
  checkedDraft(editing.definitions.read(definition).problems);
  const { name, slug, createdBy } = wish;
  const workflow = await createWorkflow(editing, tx, {
    ...{ name, slug, definition, createdBy },
    description: template.description,
  });
  await countUse(tx, template.id);
  const message = { templateId: template.id, workflowId: workflow.id };
  await appendEvent(tx, { schema: WorkflowTemplateInstantiatedSchema, id: template.id, message });
  return workflow;
}
