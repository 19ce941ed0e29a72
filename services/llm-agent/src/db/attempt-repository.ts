import type { ReadTx, Tx } from '@flotilla/postgres';
import type { ProviderAttempt } from '../domain/execution.ts';
import { toDecimal } from './execution-repository.ts';
import type { Schema } from './schema.ts';

/** How a call at a provider went. */
export interface Settlement {
  readonly status: 'succeeded' | 'failed' | 'unknown';
  readonly promptTokens: number;
  readonly completionTokens: number;
  readonly costUsd: string | undefined;
  readonly errorReason: string;
}

export function insertAttempt(
  tx: Tx<Schema>,
  attempt: Pick<ProviderAttempt, 'id' | 'executionId' | 'attempt' | 'provider' | 'model' | 'startedAt'>,
): void {
  const insert = tx.insertInto('provider_attempts').values({
    id: attempt.id,
    tenant_id: tx.scope.tenantId,
    execution_id: attempt.executionId,
    attempt: attempt.attempt,
    provider: attempt.provider,
    model: attempt.model,
    status: 'started',
    started_at: attempt.startedAt,
  });
  tx.send(insert.compile());
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
      completion_tokens: settlement.completionTokens,
      cost_usd: settlement.costUsd ?? null,
      error_reason: settlement.errorReason,
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
      'provider',
      'model',
      'status',
      'prompt_tokens',
      'completion_tokens',
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
    provider: row.provider,
    model: row.model,
    status: row.status,
    promptTokens: row.prompt_tokens,
    completionTokens: row.completion_tokens,
    costUsd: toDecimal(row.cost_usd),
    errorReason: row.error_reason,
    startedAt: row.started_at,
    completedAt: row.completed_at ?? undefined,
  }));
}
