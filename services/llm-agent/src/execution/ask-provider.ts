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
      readonly cached: boolean;
    } & Tokens)
  /** The provider went on past the most that it may send and was hung up on; about so many tokens came. */
  | { readonly kind: 'overrun'; readonly text: string; readonly tokens: number }
  /** `begun`: the provider had begun to answer, so that it may charge for it. */
  | { readonly kind: 'failure'; readonly failure: ProviderFailure; readonly begun: boolean }
  | { readonly kind: 'stopped'; readonly asked: boolean };

/** Even of indented code a token is not more bytes on average, so that nobody who keeps to the limit is cut off. */
const maxBytesPerToken = 16;
const slackBytes = 1_024;
const usualBytesPerToken = 4;

/** Finds the provider and asks it once. Never rejects: whatever happens is an outcome. */
export async function askProvider(
  find: () => Promise<ModelProvider>,
  call: ModelCall,
  { signal, onText }: { signal: AbortSignal; onText: (text: string) => void },
): Promise<Outcome> {
  const pieces: string[] = [];
  const toolCalls: ToolCall[] = [];
  const { maxTokens } = call.parameters;
  const maxBytes = maxTokens === undefined ? Number.POSITIVE_INFINITY : maxTokens * maxBytesPerToken + slackBytes;
  let bytes = 0;
  const textSoFar = () => pieces.join('').toWellFormed();
  try {
    const provider = await find();
    for await (const part of provider.ask(call, signal)) {
      if (part.type === 'text') {
        pieces.push(part.text);
        bytes += Buffer.byteLength(part.text);
        onText(part.text);
        if (bytes > maxBytes) {
          return { kind: 'overrun', text: textSoFar(), tokens: Math.ceil(bytes / usualBytesPerToken) };
        }
      } else if (part.type === 'toolCall') {
        toolCalls.push(part.call);
      } else {
        const { cutOff, cached = false, promptTokens, cachedPromptTokens, completionTokens } = part;
        const tokens = { promptTokens, cachedPromptTokens, completionTokens };
        return { kind: 'answer', text: textSoFar(), toolCalls, cutOff, cached, ...tokens };
      }
    }
    const message = 'The provider ended without an answer.';
    const failure = new ProviderFailure('PROVIDER_ANSWER_INVALID', message, { retryable: false });
    return { kind: 'failure', failure, begun: true };
  } catch (error) {
    if (signal.aborted) return { kind: 'stopped', asked: true };
    const message = 'The provider could not be asked.';
    const failure =
      error instanceof ProviderFailure
        ? error
        : new ProviderFailure('PROVIDER_UNAVAILABLE', message, { retryable: false, cause: error });
    return { kind: 'failure', failure, begun: pieces.length > 0 || mayCharge.has(failure.reason) };
  }
}

/** What is found out only once something like an answer has come, or could have been on its way. */
const mayCharge: ReadonlySet<string> = new Set([
  'PROVIDER_TIMEOUT',
  'PROVIDER_ANSWER_INVALID',
  'PROVIDER_ANSWER_INCOMPLETE',
  'OUTPUT_TOO_LARGE',
]);
