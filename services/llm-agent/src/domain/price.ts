import { AppError } from '@flotilla/errors';
import { recordedProviderName } from './replay.ts';
import type { Tokens } from './tokens.ts';

/** Micro-dollars for a million tokens, which is trillionths of a dollar for one: costs are sums of whole numbers. */
export interface Price {
  readonly inputUsdMicros: bigint;
  readonly cachedInputUsdMicros: bigint;
  readonly outputUsdMicros: bigint;
}

/** An entry of the price book. */
export interface PriceEntry extends Price {
  readonly id: string;
  readonly provider: string;
  readonly model: string;
  readonly effectiveFrom: Date;
  readonly fleetWide: boolean;
  readonly createdBy: string;
  readonly createdAt: Date;
}

export interface PriceWish {
  readonly provider: string;
  readonly model: string;
  readonly inputUsdMicros: bigint;
  readonly cachedInputUsdMicros: bigint | undefined;
  readonly outputUsdMicros: bigint;
  readonly effectiveFrom: Date | undefined;
  readonly fleetWide: boolean;
}

/** The local model runs on the operator's own machine: free, unless somebody gives it a price. */
export const isFreeUnlessPriced = (provider: string): boolean =>
  provider === 'local' || provider === recordedProviderName;

/** A price for calls to come. What calls have cost does not change. */
export function createPrice(
  wish: PriceWish,
  known: { id: string; createdBy: string; now: Date; byOperator: boolean },
): PriceEntry {
  if (wish.fleetWide && !known.byOperator) {
    throw new AppError(
      'permission_denied',
      'FLEET_PRICE_REFUSED',
      'Prices of the whole fleet are added by its operator.',
    );
  }
  const effectiveFrom = wish.effectiveFrom ?? known.now;
  if (effectiveFrom < known.now) {
    const message = 'A price is in force from now or later: calls of the past keep theirs.';
    throw new AppError('invalid_argument', 'PRICE_IN_THE_PAST', message, {
      violations: [{ field: 'effectiveFrom', reason: 'PRICE_IN_THE_PAST', message }],
    });
  }
  const { id, createdBy, now } = known;
  const cachedInputUsdMicros = wish.cachedInputUsdMicros ?? wish.inputUsdMicros;
  return { ...wish, id, createdBy, cachedInputUsdMicros, effectiveFrom, createdAt: now };
}

/** US dollars as a decimal; undefined where no price is known. */
export function costOf(price: Price | undefined, tokens: Tokens): string | undefined {
  if (price === undefined) return undefined;
  const cached = Math.min(tokens.cachedPromptTokens, tokens.promptTokens);
  return toDecimal(
    BigInt(tokens.promptTokens - cached) * price.inputUsdMicros +
      BigInt(cached) * price.cachedInputUsdMicros +
      BigInt(tokens.completionTokens) * price.outputUsdMicros,
  );
}

/** The sum of decimals with up to twelve places; undefined when one of them is. */
export function sumOfCosts(costs: readonly (string | undefined)[]): string | undefined {
  if (costs.length === 0 || costs.includes(undefined)) return undefined;
  return toDecimal(costs.reduce((sum, cost) => sum + trillionths(cost ?? '0'), 0n));
}

function trillionths(decimal: string): bigint {
  const [whole = '0', fraction = ''] = decimal.split('.');
  return BigInt(whole + fraction.slice(0, 12).padEnd(12, '0'));
}

function toDecimal(amount: bigint): string {
  const digits = amount.toString().padStart(13, '0');
  return `${digits.slice(0, -12)}.${digits.slice(-12)}`.replace(/\.?0+$/, '');
}
