import { AppError } from '@flotilla/errors';
import { type Database, pageSizeOf, pageToken, type ReadCall, type ReadTx, toPage } from '@flotilla/postgres';
import type { Definitions } from '../commands/definitions.ts';
import type { Schema } from '../db/schema.ts';
import { findWorkflow, listWorkflows } from '../db/workflow-repository.ts';
import type { Definition } from '../domain/definition.ts';
import type { JsonObject } from '../domain/json.ts';
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
  return definitions.ofVersion(tx, id, versionToStart(await getWorkflow(tx, id)));
}

/**
 * The same for a call, if the definition takes the input. What the last run was made of is guessed at without a look at the
 * database; the start itself looks.
 *
 * @throws AppError what the start would be refused for
 */
export async function definitionFor(
  running: { readonly db: Database<Schema>; readonly definitions: Definitions },
  call: ReadCall,
  workflowId: string,
  input: JsonObject,
): Promise<Definition> {
  const last = running.definitions.lastOf(call.principal.tenantId, workflowId);
  if (last !== undefined && takes(last, input)) return last;
  const definition = await running.db.read(call, (tx) => definitionToStart(running, tx, workflowId));
  definition.checkInput(input);
  return definition;
}

function takes(definition: Definition, input: JsonObject): boolean {
  try {
    definition.checkInput(input);
    return true;
  } catch {
    return false;
  }
}
