import { randomUUID } from 'node:crypto';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { tenant } from '@flotilla/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type LlmAgent, startLlmAgent } from './harness.ts';

let fleet: LlmAgent;
beforeAll(async () => {
  fleet = await startLlmAgent();
});
afterAll(() => fleet?.stop());

const provider = 'openai-compatible';
const priced = (model: string, inputUsdMicros: bigint, outputUsdMicros: bigint) => ({
  provider,
  model,
  inputUsdMicros,
  outputUsdMicros,
});

/** What a call of 1,000 prompt tokens, 400 of them cached, and 10 others costs now, and its line of the ledger. */
async function costNow(model: string) {
  const agentId = await fleet.createAgent({ model });
  fleet.model.play([{ kind: 'answer', text: 'x', promptTokens: 1_000, cachedTokens: 400, completionTokens: 10 }]);
  const { id, costUsd } = await fleet.executions.executeAgent({ agentId, prompt: 'x' });
  const { attempts } = await fleet.executions.listProviderAttempts({ executionId: id });
  expect(attempts).toMatchObject([{ agentId, userId: fleet.userId, costUsd, cachedPromptTokens: 400 }]);
  return costUsd;
}

test('a call costs what is in force when it is made: the tenant\u2019s price before the fleet\u2019s, none before it begins', async () => {
  const operator = await fleet.as({ tenantId: tenant(), operator: true });
  const model = `m-${randomUUID()}`;
  expect(await costNow(model)).toBe('');
  await operator.prices.createPrice({ ...priced(model, 1_000_000n, 5_000_000n), fleetWide: true });
  expect(await costNow(model)).toBe('0.00105');
  const later = timestampFromMs(Date.now() + 3_600_000);
  await fleet.prices.createPrice({ ...priced(model, 9_000_000n, 9_000_000n), effectiveFrom: later });
  expect(await costNow(model)).toBe('0.00105');
  const own = await fleet.prices.createPrice({ ...priced(model, 2_000_000n, 0n), cachedInputUsdMicros: 500_000n });
  expect(await costNow(model)).toBe('0.0014');
  const stranger = await fleet.as({ tenantId: tenant() });
  const seen = (await stranger.prices.listPrices({ provider, model })).prices;
  expect(seen).toMatchObject([{ fleetWide: true, inputUsdMicros: 1_000_000n, cachedInputUsdMicros: 1_000_000n }]);
  const ours = (await fleet.prices.listPrices({ provider, model })).prices;
  expect(ours.map(({ fleetWide }) => fleetWide)).toEqual([false, false, true]);
  expect(ours[0]).toEqual(own);
});

test.each([
  ['of the whole fleet, by a tenant', { fleetWide: true }, 'FLEET_PRICE_REFUSED'],
  ['in the past', { effectiveFrom: timestampFromMs(0) }, 'PRICE_IN_THE_PAST'],
  ['below zero', { inputUsdMicros: -1n }, 'INVALID_REQUEST'],
])('a price %s is refused', async (_name, different, reason) => {
  const price = { ...priced(`m-${randomUUID()}`, 1n, 1n), ...different };
  await expect(fleet.prices.createPrice(price)).rejects.toMatchObject({ reason });
});

test('two prices from the same moment: the second is refused', async () => {
  const effectiveFrom = timestampFromMs(Date.now() + 60_000);
  const price = { ...priced(`m-${randomUUID()}`, 1n, 1n), effectiveFrom };
  await fleet.prices.createPrice(price);
  await expect(fleet.prices.createPrice(price)).rejects.toMatchObject({
    code: 'already_exists',
    reason: 'PRICE_EXISTS',
  });
});
