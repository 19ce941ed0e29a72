import type { Selectable } from '@flotilla/postgres';
import type { FiringSource } from '../domain/firing-source.ts';
import type { WorkflowSchedules } from './schema.ts';

/** The columns that schedules and triggers have alike. */
export const sourceColumns = [
  'id',
  'workflow_id',
  'name',
  'grant_id',
  'created_by',
  'updated_by',
  'created_at',
  'updated_at',
  'deleted_at',
  'revision',
] as const;

type SourceRow = Pick<Selectable<WorkflowSchedules>, (typeof sourceColumns)[number]>;

/** What they hold. */
export function toSource(row: SourceRow): FiringSource {
  return {
    id: row.id,
    workflowId: row.workflow_id,
    name: row.name,
    grantId: row.grant_id,
    createdBy: row.created_by,
    updatedBy: row.updated_by,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    deleted: row.deleted_at !== null,
    revision: row.revision,
  };
}
