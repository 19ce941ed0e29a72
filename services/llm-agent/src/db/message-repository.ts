import { type ReadTx, type Selectable, sql, type Tx } from '@flotilla/postgres';
import { type InputPart, tokensOf } from '../domain/input.ts';
import type { Message, ToolCall } from '../domain/message.ts';
import { bytesPerToken } from '../domain/window.ts';
import type { Schema } from './schema.ts';

const columns = [
  'id',
  'conversation_id',
  'seq',
  'role',
  'content',
  'parts',
  'tool_calls',
  'tool_call_id',
  'execution_id',
  'interrupted',
  'prompt_tokens',
  'completion_tokens',
  'model',
  'latency_ms',
  'created_at',
] as const;

/** The conversation must be locked: its count says the numbers. */
export async function insertMessages(tx: Tx<Schema>, messages: readonly Message[]): Promise<void> {
  if (messages.length === 0) return;
  await tx
    .insertInto('messages')
    .values(
      messages.map((message) => ({
        id: message.id,
        tenant_id: tx.scope.tenantId,
        conversation_id: message.conversationId,
        seq: message.seq,
        role: message.role,
        content: message.content,
        parts: JSON.stringify(message.parts),
        parts_tokens: tokensOf(message.parts),
        tool_calls: JSON.stringify(message.toolCalls),
        tool_call_id: message.toolCallId,
        execution_id: message.executionId ?? null,
        interrupted: message.interrupted,
        prompt_tokens: message.promptTokens,
        completion_tokens: message.completionTokens,
        model: message.model,
        latency_ms: message.latencyMs ?? null,
        created_at: message.createdAt,
      })),
    )
    .execute();
}

/** Takes the messages of a turn back, which are the last ones; answers how many. */
export async function deleteMessagesOf(tx: Tx<Schema>, conversationId: string, executionId: string): Promise<number> {
  const result = await tx
    .deleteFrom('messages')
    .where('conversation_id', '=', conversationId)
    .where('execution_id', '=', executionId)
    .executeTakeFirst();
  return Number(result.numDeletedRows);
}

/** Copies the messages up to `seq` into another conversation. They belong to no turn there. */
export async function copyMessages(tx: Tx<Schema>, from: string, to: string, seq: number): Promise<void> {
  await sql`
    insert into messages (id, tenant_id, conversation_id, seq, role, content, parts, parts_tokens, tool_calls,
      tool_call_id, interrupted, prompt_tokens, completion_tokens, model, latency_ms, created_at)
    select uuid_v7(), tenant_id, ${to}, seq, role, content, parts, parts_tokens, tool_calls, tool_call_id,
      interrupted, prompt_tokens, completion_tokens, model, latency_ms, created_at
    from messages where conversation_id = ${from} and seq <= ${seq} order by seq`.execute(tx);
}

/**
 * The newest messages after `afterSeq`, in their order: as many as fit. Uses messages_conversation. Sizes are read
 * without the texts, which can be large.
 */
export async function newestMessages(
  tx: ReadTx<Schema>,
  conversationId: string,
  { afterSeq, messages, bytes }: { afterSeq: number; messages: number; bytes: number },
): Promise<Message[]> {
  const fitting = tx
    .selectFrom((from) =>
      from
        .selectFrom('messages')
        .select([
          'id',
          'seq',
          sql<number>`sum(octet_length(content) + parts_tokens * ${bytesPerToken}) over (order by seq desc)`.as(
            'bytes',
          ),
        ])
        .where('conversation_id', '=', conversationId)
        .where('seq', '>', afterSeq)
        .orderBy('seq', 'desc')
        .limit(messages)
        .as('newest'),
    )
    .select('id')
    .where('bytes', '<=', bytes);
  return messagesIn(
    tx,
    conversationId,
    (await fitting.execute()).map(({ id }) => id),
  );
}

/** Messages after `afterSeq` in their order: as many as fit, one at least. Uses messages_conversation. */
export async function listMessages(
  tx: ReadTx<Schema>,
  conversationId: string,
  wish: { afterSeq: number; upToSeq?: number; role?: Message['role'] | undefined; limit: number; bytes: number },
): Promise<{ messages: Message[]; more: boolean }> {
  let query = tx
    .selectFrom('messages')
    .select([
      'id',
      sql<number>`octet_length(content) + octet_length(parts::text) + octet_length(tool_calls::text)`.as('bytes'),
    ])
    .where('conversation_id', '=', conversationId)
    .where('seq', '>', wish.afterSeq);
  if (wish.upToSeq !== undefined) query = query.where('seq', '<=', wish.upToSeq);
  if (wish.role !== undefined) query = query.where('role', '=', wish.role);
  const candidates = await query
    .orderBy('seq')
    .limit(wish.limit + 1)
    .execute();
  let bytes = 0;
  const fitting = candidates.slice(0, wish.limit).filter((candidate, index) => {
    bytes += candidate.bytes;
    return index === 0 || bytes <= wish.bytes;
  });
  const messages = await messagesIn(
    tx,
    conversationId,
    fitting.map(({ id }) => id),
  );
  return { messages, more: candidates.length > fitting.length };
}

/** Where a message stands; undefined when it is not one of this conversation. */
export async function seqOf(tx: ReadTx<Schema>, conversationId: string, id: string): Promise<number | undefined> {
  const row = await tx
    .selectFrom('messages')
    .select('seq')
    .where('id', '=', id)
    .where('conversation_id', '=', conversationId)
    .executeTakeFirst();
  return row?.seq;
}

/** What a turn has left in its conversation, in its order. */
export async function messagesOfTurn(
  tx: ReadTx<Schema>,
  conversationId: string,
  executionId: string,
): Promise<Message[]> {
  const rows = await tx
    .selectFrom('messages')
    .select(columns)
    .where('conversation_id', '=', conversationId)
    .where('execution_id', '=', executionId)
    .orderBy('seq')
    .execute();
  return rows.map(toMessage);
}

async function messagesIn(tx: ReadTx<Schema>, conversationId: string, ids: readonly string[]): Promise<Message[]> {
  if (ids.length === 0) return [];
  const rows = await tx
    .selectFrom('messages')
    .select(columns)
    .where('conversation_id', '=', conversationId)
    .where('id', 'in', ids)
    .orderBy('seq')
    .execute();
  return rows.map(toMessage);
}

function toMessage(row: Pick<Selectable<Schema['messages']>, (typeof columns)[number]>): Message {
  return {
    id: row.id,
    conversationId: row.conversation_id,
    seq: row.seq,
    role: row.role,
    content: row.content,
    parts: row.parts as unknown as readonly InputPart[],
    toolCalls: row.tool_calls as unknown as readonly ToolCall[],
    toolCallId: row.tool_call_id,
    executionId: row.execution_id ?? undefined,
    interrupted: row.interrupted,
    promptTokens: row.prompt_tokens,
    completionTokens: row.completion_tokens,
    model: row.model,
    latencyMs: row.latency_ms ?? undefined,
    createdAt: row.created_at,
  };
}
