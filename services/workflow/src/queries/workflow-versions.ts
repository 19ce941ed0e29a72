import { AppError } from '@flotilla/errors';
import { pageSizeOf, pageToken, type ReadTx, toPage } from '@flotilla/postgres';
import type { Schema } from '../db/schema.ts';
import { findWorkflowVersion, listVersions, type WorkflowVersion } from '../db/workflow-version-repository.ts';
import { type Comparison, compareDefinitions } from '../domain/compare-definitions.ts';
import { getWorkflow } from './workflows.ts';

export async function getVersion(tx: ReadTx<Schema>, workflowId: string, version: number): Promise<WorkflowVersion> {
  await getWorkflow(tx, workflowId);
  const found = await findWorkflowVersion(tx, workflowId, version);
  if (found === undefined) {
    throw new AppError('not_found', 'WORKFLOW_VERSION_NOT_FOUND', 'The workflow has no such version.');
  }
  return found;
}

export async function pageOfVersions(
  tx: ReadTx<Schema>,
  wish: { workflowId: string; pageSize: number; pageToken: string },
) {
  await getWorkflow(tx, wish.workflowId);
  const size = pageSizeOf(wish.pageSize);
  const cursor = pageToken.decode(wish.pageToken);
  return toPage(await listVersions(tx, wish.workflowId, { cursor, limit: size + 1 }), size);
}

/** Version 0 stands for the newest text. */
export async function compareVersions(
  tx: ReadTx<Schema>,
  wish: { workflowId: string; fromVersion: number; toVersion: number },
): Promise<Comparison> {
  const workflow = await getWorkflow(tx, wish.workflowId);
  const definitionOf = async (version: number) =>
    version === 0 ? workflow.definition : (await getVersion(tx, workflow.id, version)).definition;
  return compareDefinitions(await definitionOf(wish.fromVersion), await definitionOf(wish.toVersion));
}
