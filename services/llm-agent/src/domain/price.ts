import { AppError } from '@flotilla/errors';

/** Trillionths of a US dollar for one token: whole for prices of up to six decimals per million tokens. */
interface Price {
  readonly promptToken: bigint;
  readonly completionToken: bigint;
}

/** Prices by `provider/model`. */
export type PriceTable = ReadonlyMap<string, Price>;

const entryPattern = /^([^=\s]+\/[^=\s]+)=(\d+(?:\.\d{1,6})?):(\d+(?:\.\d{1,6})?)$/;

/** Reads `provider/model=prompt:completion`, US dollars per million tokens. */
export function parsePrices(entries: readonly string[]): PriceTable {
  return new Map(
    entries.map((entry) => {
      const [, name, prompt, completion] = entryPattern.exec(entry) ?? [];
      if (name === undefined || prompt === undefined || completion === undefined) {
        const message = `The price "${entry}" is not of the form provider/model=prompt:completion.`;
        throw new AppError('invalid_argument', 'PRICE_INVALID', message);
      }
      return [name, { promptToken: millionths(prompt), completionToken: millionths(completion) }] as const;
    }),
  );
}

/** US dollars as a decimal; undefined where no price is known. */
export function costOf(
  prices: PriceTable,
  model: { provider: string; model: string },
  tokens: { promptTokens: number; completionTokens: number },
): string | undefined {
  const price = prices.get(`${model.provider}/${model.model}`);
  return (
    price &&
    toDecimal(BigInt(tokens.promptTokens) * price.promptToken + BigInt(tokens.completionTokens) * price.completionToken)
  );
}

/** The sum of decimals with up to twelve places; undefined when one of them is. */
export function sumOfCosts(costs: readonly (string | undefined)[]): string | undefined {
  if (costs.length === 0 || costs.includes(undefined)) return undefined;
  return toDecimal(costs.reduce((sum, cost) => sum + scaled(cost ?? '0', 12), 0n));
}

const millionths = (decimal: string): bigint => scaled(decimal, 6);

function scaled(decimal: string, places: number): bigint {
  const [whole = '0', fraction = ''] = decimal.split('.');
  return BigInt(whole + fraction.slice(0, places).padEnd(places, '0'));
}

function toDecimal(trillionths: bigint): string {
  const digits = trillionths.toString().padStart(13, '0');
  return `${digits.slice(0, -12)}.${digits.slice(-12)}`.replace(/\.?0+$/, '');
}
