import type { ToolCall } from './message.ts';
import { costOf, type Price } from './price.ts';
import type { Reservation } from './reservation.ts';
import { noTokens, type Tokens } from './tokens.ts';

/** What a call is charged with. */
export interface Charge extends Tokens {
  /** What was used is not known: the tokens are those that were reserved, or more where more came. */
  readonly usageEstimated: boolean;
  /** US dollars as a decimal; undefined where it is not known. */
  readonly costUsd: string | undefined;
}

/** How a call at a provider went. */
export interface Settlement extends Charge {
  readonly status: 'succeeded' | 'failed' | 'unknown';
  readonly errorReason: string;
  /** Answered without the provider. */
  readonly cached?: boolean;
  /** What was said, where it did not become the execution's answer. */
  readonly answer?: { readonly text: string; readonly cutOff: boolean; readonly toolCalls: readonly ToolCall[] };
}

interface Opened {
  readonly price: Price | undefined;
  readonly reservation: Reservation | undefined;
}

/** The provider was not asked. */
export const chargeNothing: Charge = { ...noTokens, usageEstimated: false, costUsd: '0' };

/** By what the provider counted. */
export function chargeUsed({ price }: Opened, { promptTokens, cachedPromptTokens, completionTokens }: Tokens): Charge {
  const tokens = { promptTokens, cachedPromptTokens, completionTokens };
  return { ...tokens, usageEstimated: false, costUsd: costOf(price, tokens) };
}

/**
 * Nobody knows what the provider counted: a call that broke off, or whose process died. A budget must not be better off
 * for it, so the most that it may have used counts. Without a reservation nothing is known at all.
 */
export function chargeReserved({ price, reservation }: Opened, receivedTokens = 0): Charge {
  if (reservation === undefined) return { ...noTokens, usageEstimated: false, costUsd: undefined };
  const { promptTokens } = reservation;
  const completionTokens = Math.max(reservation.completionTokens, receivedTokens);
  const tokens = { promptTokens, cachedPromptTokens: 0, completionTokens };
  return { ...tokens, usageEstimated: true, costUsd: costOf(price, tokens) };
}
