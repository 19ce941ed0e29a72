import { after, type Cursor, type ReadTx, type Selectable, type Tx } from '@flotilla/postgres';
import type { JsonObject } from '../domain/json.ts';
import type { Workflow, WorkflowStatus } from '../domain/workflow.ts';
import { toColumn } from './json-column.ts';
import type { Schema, Workflows } from './schema.ts';

const columns = [
  'id',
  'name',
  'slug',
  'description',
  'status',
  'version',
  'definition',
  'created_by',
  'created_at',
  'updated_at',
  'revision',
] as const;

export async function insertWorkflow(tx: Tx<Schema>, tenantId: string, workflow: Workflow): Promise<void> {
  await tx
    .insertInto('workflows')
    .values({
      id: workflow.id,
      tenant_id: tenantId,
      name: workflow.name,
      slug: workflow.slug,
      description: workflow.description,
      status: workflow.status,
      version: workflow.version,
      definition: toColumn(workflow.definition),
      created_by: workflow.createdBy,
      created_at: workflow.createdAt,
      updated_at: workflow.updatedAt,
    })
    .execute();
}

export async function findWorkflow(tx: ReadTx<Schema>, id: string): Promise<Workflow | undefined> {
  const row = await tx
    .selectFrom('workflows')
    .select(columns)
    .where('id', '=', id)
    .where('deleted_at', 'is', null)
    .executeTakeFirst();
  return row && toWorkflow(row);
}

export async function lockWorkflow(tx: Tx<Schema>, id: string): Promise<Workflow | undefined> {
  const row = await tx
    .selectFrom('workflows')
    .select(columns)
    .where('id', '=', id)
    .where('deleted_at', 'is', null)
    .forUpdate()
    .executeTakeFirst();
  return row && toWorkflow(row);
}

/** Uses the index workflows_slug. */
export async function findBySlug(tx: ReadTx<Schema>, slug: string): Promise<string | undefined> {
  const row = await tx
    .selectFrom('workflows')
    .select('id')
    .where('slug', '=', slug)
    .where('deleted_at', 'is', null)
    .executeTakeFirst();
  return row?.id;
}

/** Keeps the workflow from being changed or removed until the end of the transaction; others may share it. */
export async function shareWorkflow(
  tx: Tx<Schema>,
  id: string,
): Promise<Pick<Workflow, 'id' | 'slug' | 'status' | 'version'> | undefined> {
  return tx
    .selectFrom('workflows')
    .select(['id', 'slug', 'status', 'version'])
    .where('id', '=', id)
    .where('deleted_at', 'is', null)
    .forShare()
    .executeTakeFirst();
}

/** Uses the index workflows_newest, or workflows_slug. */
export async function listWorkflows(
  tx: ReadTx<Schema>,
  filter: { status: WorkflowStatus | undefined; slug: string; cursor: Cursor | undefined; limit: number },
): Promise<Workflow[]> {
  let query = tx
    .selectFrom('workflows')
    .select(columns)
    .where('deleted_at', 'is', null)
    .where(after<Schema, 'workflows'>('desc', filter.cursor));
  if (filter.status !== undefined) query = query.where('status', '=', filter.status);
  if (filter.slug !== '') query = query.where('slug', '=', filter.slug);
  return (await query.orderBy('id', 'desc').limit(filter.limit).execute()).map(toWorkflow);
}

/** Saves a locked workflow. */
export async function saveWorkflow(tx: Tx<Schema>, workflow: Workflow): Promise<Workflow> {
  const row = await tx
    .updateTable('workflows')
    .set({
      name: workflow.name,
      description: workflow.description,
      status: workflow.status,
      version: workflow.version,
      definition: toColumn(workflow.definition),
      revision: workflow.revision + 1,
    })
    .where('id', '=', workflow.id)
    .returning(columns)
    .executeTakeFirstOrThrow();
  return toWorkflow(row);
}

export async function markWorkflowDeleted(tx: Tx<Schema>, id: string, now: Date): Promise<void> {
  await tx.updateTable('workflows').set({ deleted_at: now }).where('id', '=', id).execute();
}

export async function insertVersion(
  tx: Tx<Schema>,
  tenantId: string,
  version: { id: string; workflow: Workflow; createdBy: string },
): Promise<void> {
  await tx
    .insertInto('workflow_versions')
    .values({
      id: version.id,
      tenant_id: tenantId,
      workflow_id: version.workflow.id,
      version: version.workflow.version,
      definition: toColumn(version.workflow.definition),
      created_by: version.createdBy,
    })
    .execute();
}

export async function findVersion(
  tx: ReadTx<Schema>,
  workflowId: string,
  version: number,
): Promise<JsonObject | undefined> {
  const row = await tx
    .selectFrom('workflow_versions')
    .select('definition')
    .where('workflow_id', '=', workflowId)
    .where('version', '=', version)
    .executeTakeFirst();
  return row && (row.definition as JsonObject);
}

function toWorkflow(row: Pick<Selectable<Workflows>, (typeof columns)[number]>): Workflow {
  return {
    id: row.id,
    name: row.name,
    slug: row.slug,
    description: row.description,
    status: row.status,
    version: row.version,
    definition: row.definition as JsonObject,
    createdBy: row.created_by,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    revision: row.revision,
  };
}
