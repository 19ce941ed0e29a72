import { type ReadTx, sql, type Tx } from '@flotilla/postgres';
import type { ProviderAttempt } from '../domain/execution.ts';
import type { ToolCall } from '../domain/message.ts';
import { isFreeUnlessPriced, type Price } from '../domain/price.ts';
import type { Tokens } from '../domain/tokens.ts';
import { toDecimal } from './execution-repository.ts';
import type { Schema } from './schema.ts';

/** How a call at a provider went. */
export interface Settlement extends Tokens {
  readonly status: 'succeeded' | 'failed' | 'unknown';
  readonly costUsd: string | undefined;
  readonly errorReason: string;
  /** What was said, where it did not become the execution's answer. */
  readonly answer?: { readonly text: string; readonly cutOff: boolean; readonly toolCalls: readonly ToolCall[] };
}

/** A call that is about to be made. */
export type NewAttempt = Pick<
  ProviderAttempt,
  'id' | 'executionId' | 'attempt' | 'agentId' | 'provider' | 'model' | 'startedAt'
>;

interface PriceRow {
  readonly input_usd_micros: bigint | null;
  readonly cached_input_usd_micros: bigint | null;
  readonly output_usd_micros: bigint | null;
}

/**
 * Writes the line of the ledger for a call that is about to be made; answers the price that it will be charged by. It
 * travels with what follows it: await the answer after the transaction, where nothing in it needs the answer.
 */
export function openAttempt(tx: Tx<Schema>, attempt: NewAttempt): Promise<Price | undefined> {
  const { id, executionId, agentId = null, provider, model, startedAt } = attempt;
  const statement = sql<PriceRow>`
    select input_usd_micros, cached_input_usd_micros, output_usd_micros
    from open_attempt(${id}, ${executionId}, ${attempt.attempt}, ${agentId}, ${tx.scope.userId ?? null},
      ${provider}, ${model}, ${isFreeUnlessPriced(provider)}, ${startedAt})`;
  const price = tx.ask(statement.compile(tx)).then(([row]) => row && toPrice(row));
  price.catch(() => undefined);
  return price;
}

/** Settles an attempt that is open; one that is settled stays as it is. */
export function settleAttempt(
  tx: Tx<Schema>,
  { executionId, attempt }: { executionId: string; attempt: number },
  settlement: Settlement,
  now: Date,
): void {
  const update = tx
    .updateTable('provider_attempts')
    .set({
      status: settlement.status,
      prompt_tokens: settlement.promptTokens,
      cached_prompt_tokens: settlement.cachedPromptTokens,
      completion_tokens: settlement.completionTokens,
      cost_usd: settlement.costUsd ?? null,
      error_reason: settlement.errorReason,
      ...(settlement.answer === undefined
        ? {}
        : {
            answer: settlement.answer.text,
            answer_cut_off: settlement.answer.cutOff,
            answer_tool_calls: JSON.stringify(settlement.answer.toolCalls),
          }),
      completed_at: now,
    })
    .where('execution_id', '=', executionId)
    .where('attempt', '=', attempt)
    .where('status', '=', 'started');
  tx.send(update.compile());
}

/** In order. */
export async function listAttempts(tx: ReadTx<Schema>, executionId: string): Promise<ProviderAttempt[]> {
  const rows = await tx
    .selectFrom('provider_attempts')
    .select([
      'id',
      'execution_id',
      'attempt',
      'agent_id',
      'user_id',
      'provider',
      'model',
      'status',
      'prompt_tokens',
      'cached_prompt_tokens',
      'completion_tokens',
      'usage_estimated',
      'input_usd_micros',
      'cached_input_usd_micros',
      'output_usd_micros',
      'cost_usd',
      'error_reason',
      'started_at',
      'completed_at',
    ])
    .where('execution_id', '=', executionId)
    .orderBy('attempt')
    .execute();
  return rows.map((row) => ({
    id: row.id,
    executionId: row.execution_id,
    attempt: row.attempt,
    agentId: row.agent_id ?? undefined,
    userId: row.user_id ?? undefined,
    provider: row.provider,
    model: row.model,
    status: row.status,
    promptTokens: row.prompt_tokens,
    cachedPromptTokens: row.cached_prompt_tokens,
    completionTokens: row.completion_tokens,
    usageEstimated: row.usage_estimated,
    price: toPrice(row),
    costUsd: toDecimal(row.cost_usd),
    errorReason: row.error_reason,
    startedAt: row.started_at,
    completedAt: row.completed_at ?? undefined,
  }));
}

function toPrice(row: PriceRow): Price | undefined {
  const { input_usd_micros, cached_input_usd_micros, output_usd_micros } = row;
  if (input_usd_micros === null || cached_input_usd_micros === null || output_usd_micros === null) return undefined;
  return {
    inputUsdMicros: input_usd_micros,
    cachedInputUsdMicros: cached_input_usd_micros,
    outputUsdMicros: output_usd_micros,
  };
}

/** The model that was asked last; empty when none was. */
export async function lastModelOf(tx: ReadTx<Schema>, executionId: string): Promise<string> {
  const row = await tx
    .selectFrom('provider_attempts')
    .select('model')
    .where('execution_id', '=', executionId)
    .orderBy('attempt', 'desc')
    .limit(1)
    .executeTakeFirst();
  return row?.model ?? '';
}
