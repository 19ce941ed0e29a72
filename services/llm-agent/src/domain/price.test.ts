import { expect, test } from 'vitest';
import { costOf, parsePrices, sumOfCosts } from './price.ts';

test('a cost is exact', () => {
  const prices = parsePrices(['openai-compatible/gpt-4.1-mini=0.40:1.60']);
  const model = { provider: 'openai-compatible', model: 'gpt-4.1-mini' };
  expect(costOf(prices, model, { promptTokens: 1_000_001, completionTokens: 3 })).toBe('0.4000052');
  expect(costOf(prices, model, { promptTokens: 0, completionTokens: 0 })).toBe('0');
  expect(costOf(prices, { ...model, model: 'other' }, { promptTokens: 1, completionTokens: 1 })).toBeUndefined();
});

test('a sum with an unknown part is unknown', () => {
  expect(sumOfCosts(['0.1', '0.000000000002', '12'])).toBe('12.100000000002');
  expect(sumOfCosts(['0.1', undefined])).toBeUndefined();
});

test('a price that is none is refused', () => {
  expect(() => parsePrices(['gpt=1:2'])).toThrow(/provider\/model/);
});
