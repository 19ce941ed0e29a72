import { AppError } from '@flotilla/errors';
import { pageSizeOf, pageToken, type ReadTx, toPage } from '@flotilla/postgres';
import type { Schema } from '../db/schema.ts';
import { findWorkflow, listWorkflows } from '../db/workflow-repository.ts';
import type { Workflow, WorkflowStatus } from '../domain/workflow.ts';

export async function getWorkflow(tx: ReadTx<Schema>, id: string): Promise<Workflow> {
  const workflow = await findWorkflow(tx, id);
  if (workflow === undefined) throw new AppError('not_found', 'WORKFLOW_NOT_FOUND', 'There is no such workflow.');
  return workflow;
}

export async function pageOfWorkflows(
  tx: ReadTx<Schema>,
  wish: { status: WorkflowStatus | undefined; slug: string; pageSize: number; pageToken: string },
) {
  const size = pageSizeOf(wish.pageSize);
  const { status, slug } = wish;
  return toPage(
    await listWorkflows(tx, { status, slug, cursor: pageToken.decode(wish.pageToken), limit: size + 1 }),
    size,
  );
}
