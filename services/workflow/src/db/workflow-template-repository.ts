import { after, type Cursor, type ReadTx, type Selectable, sql, type Tx } from '@flotilla/postgres';
import type { JsonObject } from '../domain/json.ts';
import type { WorkflowTemplate } from '../domain/workflow-template.ts';
import { toColumn } from './json-column.ts';
import type { Schema, WorkflowTemplates } from './schema.ts';

const columns = [
  'id',
  'name',
  'display_name',
  'description',
  'category',
  'template_definition',
  'parameters',
  'tags',
  'is_active',
  'usage_count',
  'rating',
  'rating_count',
  'created_by',
  'created_at',
  'updated_at',
  'deleted_at',
  'revision',
] as const;

export async function insertTemplate(tx: Tx<Schema>, template: WorkflowTemplate): Promise<void> {
  await tx
    .insertInto('workflow_templates')
    .values({
      id: template.id,
      tenant_id: tx.scope.tenantId,
      name: template.name,
      tags: [...template.tags],
      created_by: template.createdBy,
      created_at: template.createdAt,
      updated_at: template.updatedAt,
      ...changeable(template),
    })
    .execute();
}

export async function findTemplate(tx: ReadTx<Schema>, id: string): Promise<WorkflowTemplate | undefined> {
  const row = await tx
    .selectFrom('workflow_templates')
    .select(columns)
    .where('id', '=', id)
    .where('deleted_at', 'is', null)
    .executeTakeFirst();
  return row && toTemplate(row);
}

export async function lockTemplate(tx: Tx<Schema>, id: string): Promise<WorkflowTemplate | undefined> {
  const row = await tx
    .selectFrom('workflow_templates')
    .select(columns)
    .where('id', '=', id)
    .where('deleted_at', 'is', null)
    .forUpdate()
    .executeTakeFirst();
  return row && toTemplate(row);
}

/** Uses the index workflow_templates_newest. */
export async function listTemplates(
  tx: ReadTx<Schema>,
  filter: { category: string; cursor: Cursor | undefined; limit: number },
): Promise<WorkflowTemplate[]> {
  let query = tx
    .selectFrom('workflow_templates')
    .select(columns)
    .where('deleted_at', 'is', null)
    .where(after<Schema, 'workflow_templates'>('desc', filter.cursor));
  if (filter.category !== '') query = query.where('category', '=', filter.category);
  return (await query.orderBy('id', 'desc').limit(filter.limit).execute()).map(toTemplate);
}

/** Saves what was changed of a locked template. */
export async function saveTemplate(tx: Tx<Schema>, template: WorkflowTemplate): Promise<WorkflowTemplate> {
  const row = await tx
    .updateTable('workflow_templates')
    .set({
      ...changeable(template),
      revision: template.revision + 1,
      deleted_at: template.deleted ? sql<Date>`now()` : null,
    })
    .where('id', '=', template.id)
    .returning(columns)
    .executeTakeFirstOrThrow();
  return toTemplate(row);
}

/** Of a locked template: the user's rating, and the average with it. */
export async function saveRating(
  tx: Tx<Schema>,
  templateId: string,
  { userId, stars }: { userId: string; stars: number },
): Promise<WorkflowTemplate> {
  await tx
    .insertInto('workflow_template_ratings')
    .values({ tenant_id: tx.scope.tenantId, template_id: templateId, user_id: userId, stars })
    .onConflict((conflict) =>
      conflict.columns(['tenant_id', 'template_id', 'user_id']).doUpdateSet({ stars, rated_at: sql<Date>`now()` }),
    )
    .execute();
  const row = await tx
    .updateTable('workflow_templates')
    .set({
      rating: sql<string>`(select round(avg(stars), 1) from workflow_template_ratings where template_id = ${templateId}::uuid)`,
      rating_count: sql<number>`(select count(*) from workflow_template_ratings where template_id = ${templateId}::uuid)`,
    })
    .where('id', '=', templateId)
    .returning(columns)
    .executeTakeFirstOrThrow();
  return toTemplate(row);
}

export async function countUse(tx: Tx<Schema>, templateId: string): Promise<void> {
  await tx
    .updateTable('workflow_templates')
    .set({ usage_count: sql<number>`usage_count + 1` })
    .where('id', '=', templateId)
    .execute();
}

function changeable(template: WorkflowTemplate) {
  return {
    display_name: template.displayName,
    description: template.description,
    category: template.category,
    template_definition: toColumn(template.definition),
    parameters: toColumn(template.parameters),
    is_active: template.active,
  };
}

function toTemplate(row: Pick<Selectable<WorkflowTemplates>, (typeof columns)[number]>): WorkflowTemplate {
  return {
    id: row.id,
    name: row.name,
    displayName: row.display_name,
    description: row.description,
    category: row.category,
    definition: row.template_definition as JsonObject,
    parameters: row.parameters as JsonObject,
    tags: row.tags,
    active: row.is_active,
    usageCount: row.usage_count,
    rating: Number(row.rating),
    ratingCount: row.rating_count,
    createdBy: row.created_by,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    deleted: row.deleted_at !== null,
    revision: row.revision,
  };
}
