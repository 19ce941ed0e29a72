import { type Cursor, type ReadTx, type Selectable, sql, type Tx } from '@flotilla/postgres';
import { CallRefused, type Refusal } from '../domain/budget.ts';
import type { ProviderAttempt } from '../domain/execution.ts';
import { isFreeUnlessPriced, type Price } from '../domain/price.ts';
import type { Reservation } from '../domain/reservation.ts';
import type { Settlement } from '../domain/settlement.ts';
import { firstIdAt, toDecimal } from './execution-repository.ts';
import type { Schema } from './schema.ts';

/** A call that is about to be made, and the most that it may use. */
export type NewAttempt = Pick<
  ProviderAttempt,
  'id' | 'executionId' | 'attempt' | 'agentId' | 'provider' | 'model' | 'startedAt'
> & { readonly reservation: Reservation };

/** What a call will be charged by, and what is reserved for it; nothing where no budget bounds it. */
export type OpenedAttempt = Pick<ProviderAttempt, 'price' | 'reservation'>;

interface PriceRow {
  readonly input_usd_micros: bigint | null;
  readonly cached_input_usd_micros: bigint | null;
  readonly output_usd_micros: bigint | null;
}

/**
 * Writes the line of the ledger for a call that is about to be made, and reserves the most that it may use in every budget
 * that bounds it. It travels with what follows it: give it last, so that budgets are held for no round trip, and await the
 * answer after the transaction.
 *
 * @throws CallRefused when a budget does not allow it; then the transaction fails
 */
export function openAttempt(tx: Tx<Schema>, attempt: NewAttempt): Promise<OpenedAttempt> {
  const { id, executionId, agentId = null, provider, model, startedAt, reservation } = attempt;
  const statement = sql<PriceRow & { readonly reserved: boolean }>`
    select input_usd_micros, cached_input_usd_micros, output_usd_micros, reserved
    from open_attempt(${id}, ${executionId}, ${attempt.attempt}, ${agentId}, ${tx.scope.userId ?? null},
      ${provider}, ${model}, ${isFreeUnlessPriced(provider)}, ${startedAt},
      ${reservation.promptTokens}, ${reservation.completionTokens})`;
  const opened = tx
    .ask(statement.compile(tx), (error) => toRefusal(error, attempt))
    .then(([row]) => ({ price: row && toPrice(row), reservation: row?.reserved ? reservation : undefined }));
  opened.catch(() => undefined);
  return opened;
}

/** Says what an attempt was made for. In the transaction that opened it. */
export function noteReason(tx: Tx<Schema>, executionId: string, attempt: number, because: string): void {
  const update = tx
    .updateTable('provider_attempts')
    .set({ because })
    .where('execution_id', '=', executionId)
    .where('attempt', '=', attempt);
  tx.send(update.compile());
}

function toRefusal(error: unknown, model: { provider: string; model: string }): unknown {
  const { code, detail } = error as { readonly code?: string; readonly detail?: string };
  return code === 'FB001' && detail !== undefined ? new CallRefused(JSON.parse(detail) as Refusal, model) : error;
}

/**
 * Settles an attempt that is open, and what was reserved for it; one that is settled stays as it is. Answers the budget
 * periods of which to warn; like {@link openAttempt}, give it last and await the answer after the transaction.
 */
export function settleAttempt(
  tx: Tx<Schema>,
  { executionId, attempt }: { executionId: string; attempt: number },
  settlement: Settlement,
  now: Date,
): Promise<readonly string[]> {
  const { status, promptTokens, cachedPromptTokens, completionTokens, usageEstimated, errorReason, answer } =
    settlement;
  if (answer !== undefined) {
    const update = tx
      .updateTable('provider_attempts')
      .set({
        answer: answer.text,
        answer_cut_off: answer.cutOff,
        answer_tool_calls: JSON.stringify(answer.toolCalls),
      })
      .where('execution_id', '=', executionId)
      .where('attempt', '=', attempt)
      .where('status', '=', 'started');
    tx.send(update.compile());
  }
  if (settlement.cached === true) {
    const update = tx
      .updateTable('provider_attempts')
      .set({ cached: true })
      .where('execution_id', '=', executionId)
      .where('attempt', '=', attempt)
      .where('status', '=', 'started');
    tx.send(update.compile());
  }
  const statement = sql<{ budget_period_id: string }>`
    select budget_period_id
    from settle_attempt(${executionId}, ${attempt}, ${status}, ${promptTokens}, ${cachedPromptTokens}, ${completionTokens},
      ${settlement.costUsd ?? null}, ${usageEstimated}, ${errorReason}, ${now})`;
  const due = tx.ask(statement.compile(tx)).then((rows) => rows.map((row) => row.budget_period_id));
  due.catch(() => undefined);
  return due;
}

const columns = [
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
  'reserved_prompt_tokens',
  'reserved_completion_tokens',
  'input_usd_micros',
  'cached_input_usd_micros',
  'output_usd_micros',
  'cost_usd',
  'error_reason',
  'because',
  'cached',
  'started_at',
  'completed_at',
] as const;

/** In order. */
export async function listAttempts(tx: ReadTx<Schema>, executionId: string): Promise<ProviderAttempt[]> {
  const rows = await tx
    .selectFrom('provider_attempts')
    .select(columns)
    .where('execution_id', '=', executionId)
    .orderBy('attempt')
    .execute();
  return rows.map(toAttempt);
}

/** Longer than an execution may take. */
const longestExecutionMs = 86_400_000;

/**
 * Lines of calls that began in a period, oldest first. Uses provider_attempts_started_at in the months of the period: the
 * ledger lies by the id of the execution, which is a little older than its calls.
 */
export async function listLedger(
  tx: ReadTx<Schema>,
  { from, to, cursor }: { from: Date | undefined; to: Date | undefined; cursor: Cursor | undefined },
  limit: number,
): Promise<ProviderAttempt[]> {
  let query = tx.selectFrom('provider_attempts').select(columns);
  if (cursor?.createdAt !== undefined) {
    query = query.where(sql<boolean>`(started_at, id) > (${cursor.createdAt}::timestamptz, ${cursor.id}::uuid)`);
  }
  const begin = cursor?.createdAt ?? from;
  if (from !== undefined) query = query.where('started_at', '>=', from);
  if (begin !== undefined) query = query.where('execution_id', '>=', firstIdAt(begin.getTime() - longestExecutionMs));
  if (to !== undefined) {
    query = query.where('started_at', '<', to).where('execution_id', '<', firstIdAt(to.getTime() + 60_000));
  }
  const rows = await query.orderBy('started_at').orderBy('id').limit(limit).execute();
  return rows.map(toAttempt);
}

function toAttempt(row: Pick<Selectable<Schema['provider_attempts']>, (typeof columns)[number]>): ProviderAttempt {
  return {
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
    reservation: toReservation(row),
    costUsd: toDecimal(row.cost_usd),
    errorReason: row.error_reason,
    because: row.because,
    cached: row.cached,
    startedAt: row.started_at,
    completedAt: row.completed_at ?? undefined,
  };
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

function toReservation(row: {
  readonly reserved_prompt_tokens: number | null;
  readonly reserved_completion_tokens: number | null;
}): Reservation | undefined {
  const { reserved_prompt_tokens: promptTokens, reserved_completion_tokens: completionTokens } = row;
  return promptTokens === null || completionTokens === null ? undefined : { promptTokens, completionTokens };
}
