import { WorkflowTemplateCreatedSchema } from '@flotilla/contracts/workflow';
import { appendEvent } from '@flotilla/events';
import type { Tx } from '@flotilla/postgres';
import type { Schema } from '../db/schema.ts';
import { insertTemplate } from '../db/workflow-template-repository.ts';
import { checkDraft } from '../domain/workflow.ts';
import { checkTemplate, type WorkflowTemplate } from '../domain/workflow-template.ts';
import { toTemplateMessage } from '../messages/workflow-template-message.ts';
import type { Editing } from './create-workflow.ts';

export async function createWorkflowTemplate(
  { now, newId }: Editing,
  tx: Tx<Schema>,
  wish: Pick<
    WorkflowTemplate,
    'name' | 'displayName' | 'description' | 'category' | 'definition' | 'parameters' | 'tags' | 'createdBy'
  >,
): Promise<WorkflowTemplate> {
  checkDraft(wish.definition);
  checkTemplate(wish);
  const at = now();
  const template: WorkflowTemplate = {
    ...wish,
    id: newId(),
    active: true,
    usageCount: 0,
    rating: 0,
    ratingCount: 0,
    createdAt: at,
    updatedAt: at,
    deleted: false,
    revision: 1,
  };
  await insertTemplate(tx, template);
  const message = { template: toTemplateMessage(template) };
  await appendEvent(tx, { schema: WorkflowTemplateCreatedSchema, id: template.id, message });
  return template;
}
