import type { RecordedAnswer } from '../db/recorded-answer-repository.ts';
import { recordedProviderName } from '../domain/replay.ts';
import { type ModelProvider, ProviderFailure, type ProviderFailureReason } from './model-provider.ts';

/** Says again what was said in each call of an execution, in their order. Nothing is spent: it counts no tokens. */
export function createRecordedProvider(answers: readonly RecordedAnswer[]): ModelProvider {
  let next = 0;
  return {
    name: recordedProviderName,
    async *ask() {
      const answer = answers[next];
      next += 1;
      if (answer?.text !== undefined) {
        yield { type: 'text', text: answer.text };
        for (const call of answer.toolCalls) yield { type: 'toolCall', call };
        yield { type: 'end', cutOff: answer.cutOff, promptTokens: 0, cachedPromptTokens: 0, completionTokens: 0 };
        return;
      }
      if (answer === undefined || !answer.fromProvider) {
        const message = 'What the model would have answered was not recorded: the call did not get that far.';
        throw new ProviderFailure('ANSWER_NOT_RECORDED', message, { retryable: false });
      }
      // The ledger keeps nothing but reasons of providers here.
      const reason = answer.errorReason as ProviderFailureReason;
      throw new ProviderFailure(reason, 'The call failed so when it was recorded.', {
        retryable: next < answers.length,
        retryAfterMs: 0,
      });
    },
  };
}
