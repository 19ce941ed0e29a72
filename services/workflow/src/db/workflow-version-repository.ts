import { after, type Cursor, type ReadTx } from '@flotilla/postgres';
import type { JsonObject } from '../domain/json.ts';
import type { Schema } from './schema.ts';

/** What runs are made of. */
export interface WorkflowVersion {
  readonly id: string;
  readonly workflowId: string;
  readonly version: number;
  readonly definition: JsonObject;
  readonly createdBy: string;
  readonly createdAt: Date;
}

const columns = ['id', 'workflow_id', 'version', 'definition', 'created_by', 'created_at'] as const;

export async function findWorkflowVersion(
  tx: ReadTx<Schema>,
  workflowId: string,
  version: number,
): Promise<WorkflowVersion | undefined> {
  const row = await tx
    .selectFrom('workflow_versions')
    .select(columns)
    .where('workflow_id', '=', workflowId)
    .where('version', '=', version)
    .executeTakeFirst();
  return row && toVersion(row);
}

/** The newest first: ids grow with time. */
export async function listVersions(
  tx: ReadTx<Schema>,
  workflowId: string,
  page: { cursor: Cursor | undefined; limit: number },
): Promise<WorkflowVersion[]> {
  const rows = await tx
    .selectFrom('workflow_versions')
    .select(columns)
    .where('workflow_id', '=', workflowId)
    .where(after<Schema, 'workflow_versions'>('desc', page.cursor))
    .orderBy('id', 'desc')
    .limit(page.limit)
    .execute();
  return rows.map(toVersion);
}

function toVersion(row: {
  id: string;
  workflow_id: string;
  version: number;
  definition: unknown;
  created_by: string;
  created_at: Date;
}): WorkflowVersion {
  return {
    id: row.id,
    workflowId: row.workflow_id,
    version: row.version,
    definition: row.definition as JsonObject,
    createdBy: row.created_by,
    createdAt: row.created_at,
  };
}
