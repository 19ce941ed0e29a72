import { WorkflowTemplateDeletedSchema, WorkflowTemplateUpdatedSchema } from '@flotilla/contracts/workflow';
import { AppError } from '@flotilla/errors';
import { appendEvent } from '@flotilla/events';
import { checkRevision, type Tx } from '@flotilla/postgres';
import type { Schema } from '../db/schema.ts';
import { lockTemplate, saveRating, saveTemplate } from '../db/workflow-template-repository.ts';
import { checkDraft } from '../domain/workflow.ts';
import { checkTemplate, type WorkflowTemplate } from '../domain/workflow-template.ts';
import { toTemplateMessage } from '../messages/workflow-template-message.ts';

/** Changes a template, or removes it. `change` is pure. */
export async function changeWorkflowTemplate(
  tx: Tx<Schema>,
  { id, etag }: { id: string; etag: string },
  change: (known: WorkflowTemplate) => WorkflowTemplate,
): Promise<WorkflowTemplate> {
  const before = await lockedTemplate(tx, id);
  checkRevision(before, etag);
  const changed = change(before);
  checkDraft(changed.definition);
  checkTemplate(changed);
  const template = await saveTemplate(tx, changed);
  const schema = template.deleted ? WorkflowTemplateDeletedSchema : WorkflowTemplateUpdatedSchema;
  await appendEvent(tx, { schema, id, message: { template: toTemplateMessage(template) } });
  return template;
}

export async function rateWorkflowTemplate(
  tx: Tx<Schema>,
  { id, userId, stars }: { id: string; userId: string; stars: number },
): Promise<WorkflowTemplate> {
  await lockedTemplate(tx, id);
  const template = await saveRating(tx, id, { userId, stars });
  const message = { template: toTemplateMessage(template) };
  await appendEvent(tx, { schema: WorkflowTemplateUpdatedSchema, id, message });
  return template;
}

export async function lockedTemplate(tx: Tx<Schema>, id: string): Promise<WorkflowTemplate> {
  const template = await lockTemplate(tx, id);
  if (template === undefined) {
    throw new AppError('not_found', 'WORKFLOW_TEMPLATE_NOT_FOUND', 'There is no such template.');
  }
  return template;
}
