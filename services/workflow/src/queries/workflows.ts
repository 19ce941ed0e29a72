import { AppError } from '@flotilla/errors';
import { pageSizeOf, pageToken, type ReadTx, toPage } from '@flotilla/postgres';
import type { Definitions } from '../commands/definitions.ts';
import type { Schema } from '../db/schema.ts';
import { findWorkflow, listWorkflows } from '../db/workflow-repository.ts';
import type { Definition } from '../domain/definition.ts';
import { versionToStart, type Workflow, type WorkflowStatus } from '../domain/workflow.ts';

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

/** What a run that starts now would be made of. */
export async function definitionToStart(
  { definitions }: { readonly definitions: Definitions },
  tx: ReadTx<Schema>,
  id: string,
): Promise<Definition> {
  const workflow = await getWorkflow(tx, id);
  return definitions.ofVersion(tx, id, versionToStart(workflow));
}
