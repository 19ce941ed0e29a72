import { AppError } from '@flotilla/errors';
import { pageSizeOf, pageToken, type ReadTx, toPage } from '@flotilla/postgres';
import type { Schema } from '../db/schema.ts';
import { findTemplate, listTemplates } from '../db/workflow-template-repository.ts';
import type { WorkflowTemplate } from '../domain/workflow-template.ts';

export async function getTemplate(tx: ReadTx<Schema>, id: string): Promise<WorkflowTemplate> {
  const template = await findTemplate(tx, id);
  if (template === undefined) {
    throw new AppError('not_found', 'WORKFLOW_TEMPLATE_NOT_FOUND', 'There is no such template.');
  }
  return template;
}

export async function pageOfTemplates(
  tx: ReadTx<Schema>,
  wish: { category: string; pageSize: number; pageToken: string },
) {
  const size = pageSizeOf(wish.pageSize);
  const cursor = pageToken.decode(wish.pageToken);
  return toPage(await listTemplates(tx, { category: wish.category, cursor, limit: size + 1 }), size);
}
