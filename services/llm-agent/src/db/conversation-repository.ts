import { after, type Cursor, type ReadTx, type Selectable, type Tx } from '@flotilla/postgres';
import type { Conversation, WindowPolicy } from '../domain/conversation.ts';
import type { Schema } from './schema.ts';

const columns = [
  'id',
  'agent_id',
  'title',
  'window',
  'busy_policy',
  'message_count',
  'running_execution_id',
  'interruption',
  'summary',
  'summary_seq',
  'branched_from_id',
  'branched_from_seq',
  'created_by',
  'created_at',
  'updated_at',
  'revision',
] as const;

export async function insertConversation(tx: Tx<Schema>, conversation: Conversation): Promise<Conversation> {
  const row = await tx
    .insertInto('conversations')
    .values({
      id: conversation.id,
      tenant_id: tx.scope.tenantId,
      agent_id: conversation.agentId,
      title: conversation.title,
      window: JSON.stringify(conversation.window),
      busy_policy: conversation.busyPolicy,
      message_count: conversation.messageCount,
      summary: conversation.summary,
      summary_seq: conversation.summarySeq,
      branched_from_id: conversation.branchedFromId ?? null,
      branched_from_seq: conversation.branchedFromSeq,
      created_by: conversation.createdBy,
    })
    .returning(['created_at', 'updated_at'])
    .executeTakeFirstOrThrow();
  return { ...conversation, createdAt: row.created_at, updatedAt: row.updated_at };
}

export async function findConversation(tx: ReadTx<Schema>, id: string): Promise<Conversation | undefined> {
  const row = await tx
    .selectFrom('conversations')
    .select(columns)
    .where('id', '=', id)
    .where('deleted_at', 'is', null)
    .executeTakeFirst();
  return row && toConversation(row);
}

/** The conversation, locked until commit: whoever holds it may append. A removed one is there too, with its time. */
export async function lockConversation(
  tx: Tx<Schema>,
  id: string,
): Promise<{ conversation: Conversation; deletedAt: Date | undefined } | undefined> {
  const row = await tx
    .selectFrom('conversations')
    .select([...columns, 'deleted_at'])
    .where('id', '=', id)
    .forUpdate()
    .executeTakeFirst();
  return row && { conversation: toConversation(row), deletedAt: row.deleted_at ?? undefined };
}

/** Newest first. */
export async function listConversations(
  tx: ReadTx<Schema>,
  filter: { agentId: string; createdBy: string },
  page: { cursor: Cursor | undefined; limit: number },
): Promise<Conversation[]> {
  let query = tx.selectFrom('conversations').select(columns).where('deleted_at', 'is', null);
  if (filter.agentId !== '') query = query.where('agent_id', '=', filter.agentId);
  if (filter.createdBy !== '') query = query.where('created_by', '=', filter.createdBy);
  const rows = await query
    .where(after<Schema, 'conversations'>('desc', page.cursor))
    .orderBy('id', 'desc')
    .limit(page.limit)
    .execute();
  return rows.map(toConversation);
}

/** What its owner sees: counts the revision up. */
export async function updateConversation(tx: Tx<Schema>, conversation: Conversation): Promise<Conversation> {
  const row = await tx
    .updateTable('conversations')
    .set({
      title: conversation.title,
      window: JSON.stringify(conversation.window),
      busy_policy: conversation.busyPolicy,
      revision: conversation.revision + 1,
    })
    .where('id', '=', conversation.id)
    .returning(['revision', 'updated_at'])
    .executeTakeFirstOrThrow();
  return { ...conversation, revision: row.revision, updatedAt: row.updated_at };
}

/** What turns do to it: no change of the resource that a caller's etag is about. */
export async function updateTurn(
  tx: Tx<Schema>,
  id: string,
  turn: Partial<Pick<Conversation, 'messageCount' | 'summary' | 'summarySeq'>> & {
    runningExecutionId?: string | null;
    interruption?: Conversation['interruption'] | null;
  },
): Promise<void> {
  await tx
    .updateTable('conversations')
    .set({
      ...(turn.messageCount === undefined ? {} : { message_count: turn.messageCount }),
      ...(turn.runningExecutionId === undefined ? {} : { running_execution_id: turn.runningExecutionId }),
      ...(turn.interruption === undefined ? {} : { interruption: turn.interruption }),
      ...(turn.summary === undefined ? {} : { summary: turn.summary }),
      ...(turn.summarySeq === undefined ? {} : { summary_seq: turn.summarySeq }),
    })
    .where('id', '=', id)
    .execute();
}

export async function markConversationDeleted(tx: Tx<Schema>, conversation: Conversation, now: Date): Promise<void> {
  await tx
    .updateTable('conversations')
    .set({ deleted_at: now, revision: conversation.revision + 1 })
    .where('id', '=', conversation.id)
    .execute();
}

function toConversation(row: Pick<Selectable<Schema['conversations']>, (typeof columns)[number]>): Conversation {
  return {
    id: row.id,
    agentId: row.agent_id,
    title: row.title,
    window: row.window as unknown as WindowPolicy,
    busyPolicy: row.busy_policy,
    messageCount: row.message_count,
    runningExecutionId: row.running_execution_id ?? undefined,
    interruption: row.interruption ?? undefined,
    summary: row.summary,
    summarySeq: row.summary_seq,
    branchedFromId: row.branched_from_id ?? undefined,
    branchedFromSeq: row.branched_from_seq,
    createdBy: row.created_by,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    revision: row.revision,
  };
}
