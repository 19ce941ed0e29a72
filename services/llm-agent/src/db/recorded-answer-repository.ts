import type { ReadTx } from '@flotilla/postgres';
import type { Execution } from '../domain/execution.ts';
import type { ToolCall } from '../domain/message.ts';
import type { Route } from '../domain/routing.ts';
import type { Schema } from './schema.ts';

/** What a call came to. */
export interface RecordedAnswer {
  /** At the provider, from 1. */
  readonly attempt: number;
  /** Whom the call went to. */
  readonly route: Route;
  /** Undefined where there was none. */
  readonly text: string | undefined;
  readonly toolCalls: readonly ToolCall[];
  readonly cutOff: boolean;
  readonly errorReason: string;
  /** Whether the provider is the reason that there was no answer, rather than the end of the execution. */
  readonly fromProvider: boolean;
}

const notFromProvider: ReadonlySet<string> = new Set([
  'EXECUTION_TIMEOUT',
  'CANCELLED',
  'CALLER_GONE',
  'EXECUTION_LOST',
  'EXECUTION_INTERRUPTED',
  'INTERNAL',
  'ANSWER_NOT_RECORDED',
]);

/** In the order of the calls. The answer that the execution ended with is kept there alone. */
export async function listRecordedAnswers(tx: ReadTx<Schema>, execution: Execution): Promise<RecordedAnswer[]> {
  const rows = await tx
    .selectFrom('provider_attempts')
    .select(['attempt', 'provider', 'model', 'status', 'answer', 'answer_cut_off', 'answer_tool_calls', 'error_reason'])
    .where('execution_id', '=', execution.id)
    .orderBy('attempt')
    .execute();
  return rows.map((row, index) => {
    const { attempt, provider, model, status, answer, answer_cut_off, answer_tool_calls, error_reason } = row;
    const isLast = index === rows.length - 1;
    const text = isLast && execution.status === 'completed' ? execution.response : (answer ?? undefined);
    return {
      attempt,
      route: { provider, model },
      text,
      toolCalls: (answer_tool_calls as unknown as ToolCall[] | null) ?? [],
      cutOff: answer_cut_off,
      errorReason: error_reason,
      fromProvider: status === 'failed' && !notFromProvider.has(error_reason),
    };
  });
}
