import { expect, test } from 'vitest';
import { CallRefused } from './budget.ts';
import { reservationFor } from './reservation.ts';
import { chargeReserved, chargeUsed } from './settlement.ts';

test('a call reserves the bytes of all that it says, and the longest answer', () => {
  const call = {
    messages: [{ content: 'äöü' }, { content: '', toolCalls: [{ name: 'look' }] }],
    tools: [{ name: 'look' }],
    outputSchema: undefined,
    parameters: {},
  };
  const toolCalls = '["",[{"name":"look"}]]'.length;
  const tool = '{"name":"look"}'.length;
  expect(reservationFor(call, 100)).toEqual({ promptTokens: 6 + toolCalls + tool + 3 * 16, completionTokens: 100 });
  expect(reservationFor({ ...call, parameters: { maxTokens: 7 } }, 100).completionTokens).toBe(7);
});

test('what nobody counted is charged as reserved; without a reservation nothing is known', () => {
  const price = { inputUsdMicros: 1_000_000n, cachedInputUsdMicros: 500_000n, outputUsdMicros: 2_000_000n };
  const reservation = { promptTokens: 10, completionTokens: 5 };
  const reserved = { promptTokens: 10, cachedPromptTokens: 0, completionTokens: 5, usageEstimated: true };
  expect(chargeReserved({ price, reservation })).toEqual({ ...reserved, costUsd: '0.00002' });
  expect(chargeReserved({ price, reservation }, 9)).toMatchObject({ completionTokens: 9, costUsd: '0.000028' });
  const unknown = { promptTokens: 0, completionTokens: 0, usageEstimated: false, costUsd: undefined };
  expect(chargeReserved({ price, reservation: undefined })).toMatchObject(unknown);
  const counted = { promptTokens: 4, cachedPromptTokens: 2, completionTokens: 1 };
  expect(chargeUsed({ price, reservation }, counted)).toMatchObject({ usageEstimated: false, costUsd: '0.000005' });
});

test('a refusal says what is left and what is wanted, and is not worth a retry', () => {
  const refusal = {
    reason: 'BUDGET_EXCEEDED',
    budgetId: 'b',
    level: 'user',
    period: 'day',
    subjectId: 'u',
    at: '2026-01-01T00:00:00Z',
    announced: false,
    unit: 'tokens',
    left: '3',
    wanted: '12',
  } as const;
  const error = new CallRefused(refusal, { provider: 'p', model: 'm' });
  expect(error).toMatchObject({ code: 'budget_exceeded', reason: 'BUDGET_EXCEEDED' });
  expect(error.message).toBe('The budget of this user (day) has 3 tokens left; this call may need 12.');
  const unpriced = new CallRefused({ ...refusal, reason: 'PRICE_UNKNOWN' }, { provider: 'p', model: 'm' });
  expect(unpriced).toMatchObject({ code: 'failed_precondition', reason: 'PRICE_UNKNOWN' });
});
