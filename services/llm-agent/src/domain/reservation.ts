import { type InputPart, tokensOf } from './input.ts';
import type { JsonObject } from './output-schema.ts';

/** The most that a call at a provider may use. */
export interface Reservation {
  readonly promptTokens: number;
  readonly completionTokens: number;
}

/** Of a call that nobody is asked for: its answer is recorded. */
export const nothing: Reservation = { promptTokens: 0, completionTokens: 0 };

/** What a provider puts around each message. */
const tokensAroundMessage = 16;

/**
 * The most that a call can use. A token is at least one byte, whatever the tokenizer: so many tokens as the prompt has
 * bytes is a bound that no text can break, at the price of reserving about four times what is used. What else goes in is
 * estimated.
 */
export function reservationFor(
  call: {
    readonly messages: readonly {
      readonly content: unknown;
      readonly toolCalls?: unknown;
      readonly parts?: readonly InputPart[];
    }[];
    readonly tools: readonly unknown[];
    readonly outputSchema: JsonObject | undefined;
    readonly parameters: { readonly maxTokens?: number };
  },
  defaultMaxTokens: number,
): Reservation {
  const texts = [
    ...call.messages.map(({ content, toolCalls }) =>
      typeof content === 'string' && toolCalls === undefined ? content : JSON.stringify([content, toolCalls]),
    ),
    ...call.tools.map((tool) => JSON.stringify(tool)),
    ...(call.outputSchema === undefined ? [] : [JSON.stringify(call.outputSchema)]),
  ];
  return {
    promptTokens:
      texts.reduce((sum, text) => sum + Buffer.byteLength(text) + tokensAroundMessage, 0) +
      call.messages.reduce((sum, { parts }) => sum + boundOf(parts), 0),
    completionTokens: call.parameters.maxTokens ?? defaultMaxTokens,
  };
}

/** Of texts, again a token for each byte. */
function boundOf(parts: readonly InputPart[] = []): number {
  return parts.reduce((sum, part) => sum + (part.type === 'text' ? Buffer.byteLength(part.text) : tokensOf([part])), 0);
}
