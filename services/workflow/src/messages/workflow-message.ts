import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { type WorkflowSchema, WorkflowStatus } from '@flotilla/contracts/workflow';
import type { WorkflowStatus as Status, Workflow } from '../domain/workflow.ts';

const statuses: Record<Status, WorkflowStatus> = {
  draft: WorkflowStatus.DRAFT,
  active: WorkflowStatus.ACTIVE,
  deprecated: WorkflowStatus.DEPRECATED,
  archived: WorkflowStatus.ARCHIVED,
};

export function toWorkflowMessage(workflow: Workflow): MessageInitShape<typeof WorkflowSchema> {
  return {
    id: workflow.id,
    name: workflow.name,
    slug: workflow.slug,
    description: workflow.description,
    status: statuses[workflow.status],
    version: workflow.version,
    definition: workflow.definition,
    createdBy: workflow.createdBy,
    createTime: timestampFromDate(workflow.createdAt),
    updateTime: timestampFromDate(workflow.updatedAt),
    etag: String(workflow.revision),
  };
}

/** Undefined stands for unspecified: any. */
export function fromWorkflowStatus(status: WorkflowStatus): Status | undefined {
  return (Object.keys(statuses) as Status[]).find((name) => statuses[name] === status);
}
