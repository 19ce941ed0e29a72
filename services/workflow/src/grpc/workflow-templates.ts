import type { WorkflowTemplateService } from '@flotilla/contracts/workflow';
import type { ServiceImplementation } from '@flotilla/grpc';
import type { Database } from '@flotilla/postgres';
import { changeWorkflowTemplate, rateWorkflowTemplate } from '../commands/change-workflow-template.ts';
import type { Editing } from '../commands/create-workflow.ts';
import { createWorkflowTemplate } from '../commands/create-workflow-template.ts';
import type { Definitions } from '../commands/definitions.ts';
import { instantiateWorkflowTemplate } from '../commands/instantiate-workflow-template.ts';
import type { Schema } from '../db/schema.ts';
import { toWorkflowMessage } from '../messages/workflow-message.ts';
import { toTemplateMessage } from '../messages/workflow-template-message.ts';
import { getTemplate, pageOfTemplates } from '../queries/workflow-templates.ts';
import { actorId } from './actor-id.ts';

export function workflowTemplates(
  db: Database<Schema>,
  editing: Editing & { readonly definitions: Definitions },
): ServiceImplementation<typeof WorkflowTemplateService> {
  return {
    getWorkflowTemplate: ({ id }, call) => db.read(call, async (tx) => toTemplateMessage(await getTemplate(tx, id))),
    listWorkflowTemplates: (request, call) =>
      db.read(call, async (tx) => {
        const page = await pageOfTemplates(tx, request);
        return { templates: page.rows.map(toTemplateMessage), nextPageToken: page.nextPageToken };
      }),
    createWorkflowTemplate: (request, call) => {
      const { name, displayName, description, category, templateDefinition: definition = {}, tags } = request;
      const wish = { name, displayName, description, category, definition, tags, createdBy: actorId(call) };
      return db.write(call, async (tx) =>
        toTemplateMessage(await createWorkflowTemplate(editing, tx, { ...wish, parameters: request.parameters ?? {} })),
      );
    },
    updateWorkflowTemplate: (request, call) =>
      db.write(call, async (tx) =>
        toTemplateMessage(
          await changeWorkflowTemplate(tx, request, (known) => ({
            ...known,
            displayName: request.displayName ?? known.displayName,
            description: request.description ?? known.description,
            category: request.category ?? known.category,
            definition: request.templateDefinition ?? known.definition,
            parameters: request.parameters ?? known.parameters,
            active: request.isActive ?? known.active,
          })),
        ),
      ),
    deleteWorkflowTemplate: (request, call) =>
      db.write(call, async (tx) => {
        await changeWorkflowTemplate(tx, request, (known) => ({ ...known, deleted: true }));
        return {};
      }),
    rateWorkflowTemplate: ({ id, stars }, call) =>
      db.write(call, async (tx) =>
        toTemplateMessage(await rateWorkflowTemplate(tx, { id, stars, userId: actorId(call) })),
      ),
    instantiateWorkflowTemplate: ({ id, name, slug, parameters = {} }, call) =>
      db.write(call, async (tx) =>
        toWorkflowMessage(
          await instantiateWorkflowTemplate(editing, tx, { id, name, slug, parameters, createdBy: actorId(call) }),
        ),
      ),
  };
}
