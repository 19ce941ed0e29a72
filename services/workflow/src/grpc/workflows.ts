import type { WorkflowService } from '@flotilla/contracts/workflow';
import type { ServiceImplementation } from '@flotilla/grpc';
import type { Database } from '@flotilla/postgres';
import { activateWorkflow } from '../commands/activate-workflow.ts';
import { archiveWorkflow } from '../commands/archive-workflow.ts';
import { createWorkflow, type Editing } from '../commands/create-workflow.ts';
import type { Definitions } from '../commands/definitions.ts';
import { deleteWorkflow } from '../commands/delete-workflow.ts';
import { deprecateWorkflow } from '../commands/deprecate-workflow.ts';
import { updateWorkflow } from '../commands/update-workflow.ts';
import type { Schema } from '../db/schema.ts';
import { fromWorkflowStatus, toWorkflowMessage } from '../messages/workflow-message.ts';
import { getWorkflow, pageOfWorkflows } from '../queries/workflows.ts';
import { actorId } from './actor-id.ts';

export function workflows(
  db: Database<Schema>,
  editing: Editing & { readonly definitions: Definitions },
): ServiceImplementation<typeof WorkflowService> {
  return {
    getWorkflow: ({ id }, call) => db.read(call, async (tx) => toWorkflowMessage(await getWorkflow(tx, id))),
    listWorkflows: ({ status, slug, pageSize, pageToken }, call) =>
      db.read(call, async (tx) => {
        const page = await pageOfWorkflows(tx, { status: fromWorkflowStatus(status), slug, pageSize, pageToken });
        return { workflows: page.rows.map(toWorkflowMessage), nextPageToken: page.nextPageToken };
      }),
    createWorkflow: ({ name, slug, description, definition = {} }, call) =>
      db.write(call, async (tx) =>
        toWorkflowMessage(
          await createWorkflow(editing, tx, { name, slug, description, definition, createdBy: actorId(call) }),
        ),
      ),
    updateWorkflow: ({ id, etag, name, description, definition }, call) =>
      db.write(call, async (tx) =>
        toWorkflowMessage(await updateWorkflow(tx, { id, etag, name, description, definition })),
      ),
    deleteWorkflow: ({ id, etag }, call) =>
      db.write(call, async (tx) => {
        await deleteWorkflow(editing, tx, { id, etag });
        return {};
      }),
    checkWorkflow: async ({ definition = {} }) => {
      const { problems } = editing.definitions.read(definition);
      return { valid: problems.length === 0, problems: [...problems] };
    },
    activateWorkflow: ({ id, etag }, call) =>
      db.write(call, async (tx) =>
        toWorkflowMessage(await activateWorkflow(editing, tx, { id, etag, activatedBy: actorId(call) })),
      ),
    archiveWorkflow: ({ id, etag }, call) =>
      db.write(call, async (tx) => toWorkflowMessage(await archiveWorkflow(tx, { id, etag }))),
    deprecateWorkflow: ({ id, etag }, call) =>
      db.write(call, async (tx) => toWorkflowMessage(await deprecateWorkflow(tx, { id, etag }))),
  };
}
