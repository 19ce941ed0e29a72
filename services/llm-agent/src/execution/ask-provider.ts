import type { ToolCall } from '../domain/message.ts';
import type { Tokens } from '../domain/tokens.ts';
import { type ModelCall, type ModelProvider, ProviderFailure } from '../providers/model-provider.ts';

/** What one call at a provider came to. */
export type Outcome =
  | ({
      readonly kind: 'answer';
      readonly text: string;
      readonly toolCalls: readonly ToolCall[];
      readonly cutOff: boolean;
    } & Tokens)
  | { readonly kind: 'failure'; readonly failure: ProviderFailure }
  | { readonly kind: 'stopped' };

/** Finds the provider and asks it once. Never rejects: whatever happens is an outcome. */
export async function askProvider(
  find: () => Promise<ModelProvider>,
  call: ModelCall,
  { signal, onText }: { signal: AbortSignal; onText: (text: string) => void },
): Promise<Outcome> {
  const pieces: string[] = [];
  const toolCalls: ToolCall[] = [];
  try {
    const provider = await find();
    for await (const part of provider.ask(call, signal)) {
      if (part.type === 'text') {
        pieces.push(part.text);
        onText(part.text);
      } else if (part.type === 'toolCall') {
        toolCalls.push(part.call);
      } else {
        const { cutOff, promptTokens, cachedPromptTokens, completionTokens } = part;
        const text = pieces.join('').toWellFormed();
        return { kind: 'answer', text, toolCalls, cutOff, promptTokens, cachedPromptTokens, completionTokens };
      }
    }
    const message = 'The provider ended without an answer.';
    return { kind: 'failure', failure: new ProviderFailure('PROVIDER_ANSWER_INVALID', message, { retryable: false }) };
  } catch (error) {
    if (signal.aborted) return { kind: 'stopped' };
    const message = 'The provider could not be asked.';
    const failure =
      error instanceof ProviderFailure
        ? error
        : new ProviderFailure('PROVIDER_UNAVAILABLE', message, { retryable: false, cause: error });
    return { kind: 'failure', failure };
  }
}
