import type { WorkflowService } from '@flotilla/contracts/workflow';
import type { Call, ServiceImplementation } from '@flotilla/grpc';
import type { Database } from '@flotilla/postgres';
import { activateWorkflow } from '../commands/activate-workflow.ts';
import { archiveWorkflow } from '../commands/archive-workflow.ts';
import { createWorkflow, type Editing } from '../commands/create-workflow.ts';
import type { Definitions } from '../commands/definitions.ts';
import { deleteWorkflow } from '../commands/delete-workflow.ts';
import { deprecateWorkflow } from '../commands/deprecate-workflow.ts';
import { updateWorkflow } from '../commands/update-workflow.ts';
import type { Schema } from '../db/schema.ts';
import type { JsonObject } from '../domain/json.ts';
import type { Problem } from '../domain/problem.ts';
import { fromAssumption, toDryRunMessage } from '../messages/dry-run-message.ts';
import { fromWorkflowStatus, toWorkflowMessage } from '../messages/workflow-message.ts';
import { dryRunWorkflow } from '../queries/dry-run-workflow.ts';
import type { NamedAgents } from '../queries/named-agents.ts';
import { getWorkflow, pageOfWorkflows } from '../queries/workflows.ts';
import { actorId } from './actor-id.ts';

export function workflows(
  db: Database<Schema>,
  editing: Editing & { readonly definitions: Definitions; readonly agents: NamedAgents },
): ServiceImplementation<typeof WorkflowService> {
  /** What can be said of a text before it runs: by itself, and by the agents that it names. */
  async function problemsOf(definition: JsonObject, call: Call): Promise<readonly Problem[]> {
    const read = editing.definitions.read(definition);
    return [...read.problems, ...(await editing.agents.problemsWith(call, read.definition?.agents ?? []))];
  }

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
    async checkWorkflow({ definition = {} }, call) {
      const problems = await problemsOf(definition, call);
      return { valid: problems.length === 0, problems: [...problems] };
    },
    dryRunWorkflow: ({ id, version, input = {}, assumptions }, call) =>
      db.read(call, async (tx) => {
        const wish = { id, version, input, assumptions: assumptions.map(fromAssumption), now: editing.now() };
        const startedBy = call.principal.actor.id;
        return toDryRunMessage(await dryRunWorkflow(editing.definitions, tx, { ...wish, startedBy }));
      }),
    async activateWorkflow({ id, etag }, call) {
      const activatedBy = actorId(call);
      const { definition } = await db.read(call, (tx) => getWorkflow(tx, id));
      const checked = { definition, problems: await problemsOf(definition, call) };
      return db.write(call, async (tx) =>
        toWorkflowMessage(await activateWorkflow(editing, tx, { id, etag, activatedBy, checked })),
      );
    },
    archiveWorkflow: ({ id, etag }, call) =>
      db.write(call, async (tx) => toWorkflowMessage(await archiveWorkflow(tx, { id, etag }))),
    deprecateWorkflow: ({ id, etag }, call) =>
      db.write(call, async (tx) => toWorkflowMessage(await deprecateWorkflow(tx, { id, etag }))),
  };
}
