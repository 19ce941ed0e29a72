import { isDeepStrictEqual } from 'node:util';
import { WorkflowActivatedSchema } from '@flotilla/contracts/workflow';
import { AppError } from '@flotilla/errors';
import { appendEvent } from '@flotilla/events';
import type { Tx } from '@flotilla/postgres';
import type { Schema } from '../db/schema.ts';
import { findVersion, insertVersion, saveWorkflow } from '../db/workflow-repository.ts';
import type { JsonObject } from '../domain/json.ts';
import type { Problem } from '../domain/problem.ts';
import { activate, type Workflow } from '../domain/workflow.ts';
import { toWorkflowMessage } from '../messages/workflow-message.ts';
import type { Editing } from './create-workflow.ts';
import { lockedWorkflow } from './locked-workflow.ts';

/** What is active as it is written answers as it is: a call that is repeated makes no version. */
export async function activateWorkflow(
  { newId }: Pick<Editing, 'newId'>,
  tx: Tx<Schema>,
  wish: {
    readonly id: string;
    readonly etag: string;
    readonly activatedBy: string;
    /** What was found wrong with the text as it was before. */
    readonly checked: { readonly definition: JsonObject; readonly problems: readonly Problem[] };
  },
): Promise<Workflow> {
  const known = await lockedWorkflow(tx, wish.id, wish.etag);
  const { definition, problems } = wish.checked;
  if (!isDeepStrictEqual(known.definition, definition)) {
    throw new AppError('aborted', 'WORKFLOW_CHANGED', 'Somebody else has changed the workflow meanwhile.');
  }
  if (known.status === 'active') {
    const active = await findVersion(tx, known.id, known.version);
    if (isDeepStrictEqual(active, definition)) return known;
  }
  const workflow = await saveWorkflow(tx, activate(known, problems));
  await insertVersion(tx, tx.scope.tenantId, { id: newId(), workflow, createdBy: wish.activatedBy });
  await appendEvent(tx, {
    schema: WorkflowActivatedSchema,
    id: workflow.id,
    message: { workflow: toWorkflowMessage(workflow) },
  });
  return workflow;
}
