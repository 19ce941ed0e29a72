import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { WorkflowTemplateSchema } from '@flotilla/contracts/workflow';
import type { WorkflowTemplate } from '../domain/workflow-template.ts';

export function toTemplateMessage(template: WorkflowTemplate): MessageInitShape<typeof WorkflowTemplateSchema> {
  return {
    id: template.id,
    name: template.name,
    displayName: template.displayName,
    description: template.description,
    category: template.category,
    templateDefinition: template.definition,
    parameters: template.parameters,
    tags: [...template.tags],
    isActive: template.active,
    usageCount: template.usageCount,
    rating: template.rating,
    ratingCount: template.ratingCount,
    createdBy: template.createdBy,
    createTime: timestampFromDate(template.createdAt),
    updateTime: timestampFromDate(template.updatedAt),
    etag: String(template.revision),
  };
}
