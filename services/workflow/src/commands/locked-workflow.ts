import { AppError } from '@flotilla/errors';
import { checkRevision, type Tx } from '@flotilla/postgres';
import type { Schema } from '../db/schema.ts';
import { lockWorkflow } from '../db/workflow-repository.ts';
import type { Workflow } from '../domain/workflow.ts';

/** The workflow, locked and still as the caller knows it. */
export async function lockedWorkflow(tx: Tx<Schema>, id: string, etag: string): Promise<Workflow> {
  const workflow = await lockWorkflow(tx, id);
  if (workflow === undefined) throw new AppError('not_found', 'WORKFLOW_NOT_FOUND', 'There is no such workflow.');
  checkRevision(workflow, etag);
  return workflow;
}
