import type { WorkflowVersionService } from '@flotilla/contracts/workflow';
import type { ServiceImplementation } from '@flotilla/grpc';
import type { Database } from '@flotilla/postgres';
import type { Schema } from '../db/schema.ts';
import { toComparisonMessage, toVersionMessage } from '../messages/workflow-version-message.ts';
import { compareVersions, getVersion, pageOfVersions } from '../queries/workflow-versions.ts';

export function workflowVersions(db: Database<Schema>): ServiceImplementation<typeof WorkflowVersionService> {
  return {
    getWorkflowVersion: ({ workflowId, version }, call) =>
      db.read(call, async (tx) => toVersionMessage(await getVersion(tx, workflowId, version))),
    listWorkflowVersions: (request, call) =>
      db.read(call, async (tx) => {
        const page = await pageOfVersions(tx, request);
        return { versions: page.rows.map(toVersionMessage), nextPageToken: page.nextPageToken };
      }),
    compareWorkflowVersions: (request, call) =>
      db.read(call, async (tx) => toComparisonMessage(await compareVersions(tx, request))),
  };
}
