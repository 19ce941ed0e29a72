import { after, type Cursor, type ReadTx, type Selectable, sql, type Tx } from '@flotilla/postgres';
import type { Subscription } from '../domain/subscription.ts';
import type { Schema } from './schema.ts';

const columns = [
  'id',
  'event_type',
  'filter',
  'template_id',
  'recipient_id',
  'recipient_address',
  'variables',
  'created_by',
  'revision',
  'created_at',
] as const;

type Row = Pick<Selectable<Schema['notification_subscriptions']>, (typeof columns)[number]>;

export async function insertSubscription(tx: Tx<Schema>, subscription: Subscription): Promise<void> {
  await tx
    .insertInto('notification_subscriptions')
    .values({
      id: subscription.id,
      tenant_id: tx.scope.tenantId,
      event_type: subscription.eventType,
      filter: subscription.filter,
      template_id: subscription.templateId,
      recipient_id: subscription.recipientId || null,
      recipient_address: subscription.recipientAddress,
      variables: JSON.stringify(subscription.variables),
      created_by: subscription.createdBy || null,
      created_at: subscription.createdAt,
    })
    .execute();
}

export async function findSubscription(tx: ReadTx<Schema>, id: string): Promise<Subscription | undefined> {
  const row = await tx
    .selectFrom('notification_subscriptions')
    .select(columns)
    .where('id', '=', id)
    .where('deleted_at', 'is', null)
    .executeTakeFirst();
  return row && toSubscription(row);
}

/** The subscription, locked until commit. */
export async function lockSubscription(tx: Tx<Schema>, id: string): Promise<Subscription | undefined> {
  const row = await tx
    .selectFrom('notification_subscriptions')
    .select(columns)
    .where('id', '=', id)
    .where('deleted_at', 'is', null)
    .forUpdate()
    .executeTakeFirst();
  return row && toSubscription(row);
}

export async function markSubscriptionDeleted(tx: Tx<Schema>, subscription: Subscription, now: Date): Promise<void> {
  await tx
    .updateTable('notification_subscriptions')
    .set({ deleted_at: now, revision: subscription.revision + 1 })
    .where('id', '=', subscription.id)
    .execute();
}

/** All wishes for an event of the tenant. Uses the index notification_subscriptions_event. */
export async function findSubscriptionsTo(tx: ReadTx<Schema>, eventType: string): Promise<Subscription[]> {
  const rows = await tx
    .selectFrom('notification_subscriptions')
    .select(columns)
    .where('event_type', '=', eventType)
    .where('deleted_at', 'is', null)
    .orderBy('id')
    .execute();
  return rows.map(toSubscription);
}

/** Those of the event types that anybody of the tenant waits for. Uses the index notification_subscriptions_event. */
export async function findSubscribedTypes(
  tx: ReadTx<Schema>,
  eventTypes: readonly string[],
): Promise<ReadonlySet<string>> {
  const rows = await tx
    .selectFrom('notification_subscriptions')
    .select('event_type')
    .distinct()
    .where(sql<boolean>`event_type = any (${eventTypes}::text[])`)
    .where('deleted_at', 'is', null)
    .execute();
  return new Set(rows.map(({ event_type }) => event_type));
}

/** Whether anybody waits for messages of this template. Uses the index notification_subscriptions_template. */
export async function isTemplateSubscribed(tx: ReadTx<Schema>, templateId: string): Promise<boolean> {
  const row = await tx
    .selectFrom('notification_subscriptions')
    .select('id')
    .where('template_id', '=', templateId)
    .where('deleted_at', 'is', null)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

/** Newest first: ids sort by time. */
export async function listSubscriptions(
  tx: ReadTx<Schema>,
  filter: { eventType: string },
  page: { cursor: Cursor | undefined; limit: number },
): Promise<Subscription[]> {
  let query = tx.selectFrom('notification_subscriptions').select(columns).where('deleted_at', 'is', null);
  if (filter.eventType !== '') query = query.where('event_type', '=', filter.eventType);
  const rows = await query
    .where(after<Schema, 'notification_subscriptions'>('desc', page.cursor))
    .orderBy('id', 'desc')
    .limit(page.limit)
    .execute();
  return rows.map(toSubscription);
}

function toSubscription(row: Row): Subscription {
  return {
    id: row.id,
    eventType: row.event_type,
    filter: row.filter,
    templateId: row.template_id,
    recipientId: row.recipient_id ?? '',
    recipientAddress: row.recipient_address,
    variables: row.variables as Readonly<Record<string, string>>,
    createdBy: row.created_by ?? '',
    revision: row.revision,
    createdAt: row.created_at,
  };
}
