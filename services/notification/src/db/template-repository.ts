import { after, type Cursor, expectOneRow, type ReadTx, type Selectable, type Tx } from '@flotilla/postgres';
import type { Channel, NewTemplate, Template, TemplateState } from '../domain/template.ts';
import type { Schema } from './schema.ts';

const columns = [
  'id',
  'name',
  'channel',
  'subject',
  'body',
  'variables',
  'status',
  'revision',
  'created_at',
  'updated_at',
] as const;

type Row = Pick<Selectable<Schema['notification_templates']>, (typeof columns)[number]>;

/** Throws already_exists TEMPLATE_NAME_TAKEN when another one won the race: the index notification_templates_name decides. */
export async function insertTemplate(tx: Tx<Schema>, template: NewTemplate): Promise<Template> {
  const row = await tx
    .insertInto('notification_templates')
    .values({
      ...toRow(template),
      id: template.id,
      tenant_id: tx.scope.tenantId,
      name: template.name,
      channel: template.channel,
    })
    .returning(columns)
    .executeTakeFirstOrThrow();
  return toTemplate(row);
}

export async function findTemplate(tx: ReadTx<Schema>, id: string): Promise<Template | undefined> {
  const row = await tx
    .selectFrom('notification_templates')
    .select(columns)
    .where('id', '=', id)
    .where('deleted_at', 'is', null)
    .executeTakeFirst();
  return row && toTemplate(row);
}

/** The template, locked until commit. */
export async function lockTemplate(tx: Tx<Schema>, id: string): Promise<Template | undefined> {
  const row = await tx
    .selectFrom('notification_templates')
    .select(columns)
    .where('id', '=', id)
    .where('deleted_at', 'is', null)
    .forUpdate()
    .executeTakeFirst();
  return row && toTemplate(row);
}

/** The template, kept from being changed until commit. */
export async function holdTemplate(tx: Tx<Schema>, id: string): Promise<Template | undefined> {
  const row = await tx
    .selectFrom('notification_templates')
    .select(columns)
    .where('id', '=', id)
    .where('deleted_at', 'is', null)
    .forShare()
    .executeTakeFirst();
  return row && toTemplate(row);
}

/** Writes a changed template, which this transaction has locked. */
export async function updateTemplate(tx: Tx<Schema>, template: Template): Promise<Template> {
  const row = await tx
    .updateTable('notification_templates')
    .set({ ...toRow(template), revision: template.revision + 1 })
    .where('id', '=', template.id)
    .where('revision', '=', template.revision)
    .returning(columns)
    .executeTakeFirstOrThrow();
  return toTemplate(row);
}

export async function markTemplateDeleted(tx: Tx<Schema>, template: Template, now: Date): Promise<void> {
  const result = await tx
    .updateTable('notification_templates')
    .set({ deleted_at: now, revision: template.revision + 1 })
    .where('id', '=', template.id)
    .where('revision', '=', template.revision)
    .executeTakeFirst();
  expectOneRow(result);
}

/** Newest first: ids sort by time. Uses the index notification_templates_newest. */
export async function listTemplates(
  tx: ReadTx<Schema>,
  filter: { channel: Channel | undefined; status: TemplateState | undefined; name: string },
  page: { cursor: Cursor | undefined; limit: number },
): Promise<Template[]> {
  let query = tx.selectFrom('notification_templates').select(columns).where('deleted_at', 'is', null);
  if (filter.channel !== undefined) query = query.where('channel', '=', filter.channel);
  if (filter.status !== undefined) query = query.where('status', '=', filter.status);
  if (filter.name !== '') query = query.where('name', '=', filter.name);
  const rows = await query
    .where(after<Schema, 'notification_templates'>('desc', page.cursor))
    .orderBy('id', 'desc')
    .limit(page.limit)
    .execute();
  return rows.map(toTemplate);
}

function toRow(template: NewTemplate) {
  return {
    subject: template.subject,
    body: template.body,
    variables: [...template.variables],
    status: template.status,
  };
}

function toTemplate(row: Row): Template {
  return {
    id: row.id,
    name: row.name,
    channel: row.channel,
    subject: row.subject,
    body: row.body,
    variables: row.variables,
    status: row.status,
    revision: row.revision,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}
