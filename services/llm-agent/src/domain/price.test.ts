import { expect, test } from 'vitest';
import { costOf, createPrice, sumOfCosts } from './price.ts';

const price = { inputUsdMicros: 400_000n, cachedInputUsdMicros: 100_000n, outputUsdMicros: 1_600_000n };

test('a cost is exact; cached input has its own price', () => {
  const used = { promptTokens: 1_000_001, cachedPromptTokens: 0, completionTokens: 3 };
  expect(costOf(price, used)).toBe('0.4000052');
  expect(costOf(price, { ...used, cachedPromptTokens: 1_000_000 })).toBe('0.1000052');
  expect(costOf(price, { promptTokens: 0, cachedPromptTokens: 5, completionTokens: 0 })).toBe('0');
  expect(costOf(undefined, used)).toBeUndefined();
});

test('a sum with an unknown part is unknown', () => {
  expect(sumOfCosts(['0.1', '0.000000000002', '12'])).toBe('12.100000000002');
  expect(sumOfCosts(['0.1', undefined])).toBeUndefined();
});

test('a price is for calls to come, and the fleet\u2019s is the operator\u2019s', () => {
  const now = new Date('2026-01-02T00:00:00Z');
  const known = { id: 'p', createdBy: 'u', now, byOperator: false };
  const wish = { ...price, provider: 'p', model: 'm', cachedInputUsdMicros: undefined, fleetWide: false };
  expect(createPrice({ ...wish, effectiveFrom: undefined }, known)).toMatchObject({
    effectiveFrom: now,
    cachedInputUsdMicros: 400_000n,
  });
  const yesterday = new Date('2026-01-01T00:00:00Z');
  expect(() => createPrice({ ...wish, effectiveFrom: yesterday }, known)).toThrow(/from now or later/);
  expect(() => createPrice({ ...wish, effectiveFrom: now, fleetWide: true }, known)).toThrow(/operator/);
});
