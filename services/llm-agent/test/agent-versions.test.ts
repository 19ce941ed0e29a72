import { randomUUID } from 'node:crypto';
import { toJson } from '@bufbuild/protobuf';
import { ValueSchema } from '@bufbuild/protobuf/wkt';
import { modelReplies, tenant } from '@flotilla/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type LlmAgent, startLlmAgent } from './harness.ts';

let fleet: LlmAgent;
beforeAll(async () => {
  fleet = await startLlmAgent();
  const price = { provider: 'openai-compatible', model: 'priced' };
  await fleet.prices.createPrice({ ...price, inputUsdMicros: 2_000_000n, outputUsdMicros: 8_000_000n });
});
afterAll(() => fleet?.stop());

const run = (agentId: string, splitKey = '') => fleet.executions.executeAgent({ agentId, prompt: 'x', splitKey });

test('capabilities, tools, tags and memory come back, are found by, and are replaced as wholes', async () => {
  const capability = randomUUID();
  const wish = {
    capabilities: [{ capability, proficiencyLevel: 0.75 }],
    tools: ['search', 'calculate'],
    memoryEnabled: true,
    limits: { maxIterations: 7 },
  };
  const id = await fleet.createAgent(wish);
  const created = await fleet.agents.getAgent({ id });
  expect(created).toMatchObject(wish);
  expect((await fleet.agents.listAgents({ capability })).agents).toEqual([created]);
  const described = await fleet.agents.updateAgent({ id, tags: { tags: ['t'] }, memoryEnabled: false });
  expect(described).toMatchObject({ version: 1, tags: ['t'], memoryEnabled: false, tools: wish.tools });
  const cleared = await fleet.agents.updateAgent({ id, tools: { tools: [] }, capabilities: { capabilities: [] } });
  expect(cleared).toMatchObject({ version: 2, tools: [], capabilities: [], tags: ['t'] });
  expect((await fleet.agents.listAgents({ capability })).agents).toEqual([]);
  const twice = { capabilities: [...wish.capabilities, ...wish.capabilities] };
  await expect(fleet.agents.updateAgent({ id, capabilities: twice })).rejects.toMatchObject({
    reason: 'CAPABILITY_REPEATED',
  });
});

test('executions say what content ran; a roll-back is a new version of the same content', async () => {
  fleet.model.play([modelReplies.text('Hello.')]);
  const id = await fleet.createAgent({ systemPrompt: 'First.' });
  const first = await run(id);
  await fleet.agents.updateAgent({ id, systemPrompt: 'Second.' });
  const second = await run(id);
  const rolledBack = await fleet.versions.rollBackAgent({ agentId: id, version: 1 });
  expect(rolledBack).toMatchObject({ version: 3, systemPrompt: 'First.', contentHash: first.contentHash });
  const third = await run(id);
  expect([first, second, third].map(({ agentVersion }) => agentVersion)).toEqual([1, 2, 3]);
  expect(third.contentHash).toBe(first.contentHash);
  expect(second.contentHash).not.toBe(first.contentHash);
  // The same content in another agent is the same content.
  expect(await run(await fleet.createAgent({ systemPrompt: 'First.' }))).toMatchObject({
    contentHash: first.contentHash,
  });
  expect(await fleet.versions.rollBackAgent({ agentId: id, version: 1 })).toMatchObject({ version: 3 });
  expect(await fleet.versions.getAgentVersion({ agentId: id, version: 2 })).toMatchObject({
    systemPrompt: 'Second.',
    contentHash: second.contentHash,
  });
  for (const call of [
    () => fleet.versions.rollBackAgent({ agentId: id, version: 9 }),
    () => fleet.versions.getAgentVersion({ agentId: id, version: 9 }),
  ]) {
    await expect(call()).rejects.toMatchObject({ code: 'not_found', reason: 'AGENT_VERSION_NOT_FOUND' });
  }
});

test('two versions are compared place by place', async () => {
  const agentId = await fleet.createAgent({ parameters: { temperature: 0 }, outputSchema: { type: 'object' } });
  const outputSchema = { type: 'object', properties: { a: { type: 'string' } } };
  await fleet.agents.updateAgent({ id: agentId, parameters: { temperature: 1, maxTokens: 5 }, outputSchema });
  const json = (value: Parameters<typeof toJson<typeof ValueSchema>>[1] | undefined) =>
    value && toJson(ValueSchema, value);
  const { changes } = await fleet.versions.diffAgentVersions({ agentId, fromVersion: 1, toVersion: 2 });
  expect(changes.map(({ pointer, before, after }) => [pointer, json(before), json(after)])).toEqual([
    ['/outputSchema/properties', undefined, { a: { type: 'string' } }],
    ['/parameters/maxTokens', undefined, 5],
    ['/parameters/temperature', 0, 1],
  ]);
  expect((await fleet.versions.diffAgentVersions({ agentId, fromVersion: 1, toVersion: 1 })).changes).toEqual([]);
});

test('a split runs its versions by weight, keeps each key with its version, and counts each arm', async () => {
  const agentId = await fleet.createAgent({ systemPrompt: 'A.', model: 'priced' });
  await fleet.agents.updateAgent({ id: agentId, systemPrompt: 'B.' });
  const arms = [
    { version: 1, weight: 1 },
    { version: 2, weight: 1 },
  ];
  const { split } = await fleet.versions.splitAgent({ agentId, arms });
  expect(split).toMatchObject({ arms });
  fleet.model.play(({ messages }) =>
    messages[0]?.content === 'A.'
      ? ({ ...modelReplies.text('Ok.'), promptTokens: 1_000 } as const)
      : modelReplies.failure(400),
  );
  const keys = Array.from({ length: 16 }, (_, index) => `caller-${index}`);
  const versions = await Promise.all(keys.map(async (key) => (await run(agentId, key)).agentVersion));
  expect(await Promise.all(keys.map(async (key) => (await run(agentId, key)).agentVersion))).toEqual(versions);
  const inFirst = versions.filter((version) => version === 1).length;
  expect(inFirst).toBeGreaterThan(0);
  expect(inFirst).toBeLessThan(16);
  // Who asks for a version gets it, and is not part of the experiment.
  expect(await fleet.executions.executeAgent({ agentId, prompt: 'x', agentVersion: 1 })).toMatchObject({ splitId: '' });

  const statistics = await fleet.versions.getAgentSplitStatistics({ agentId });
  const [first, second] = statistics.arms;
  expect(first).toMatchObject({ version: 1, weight: 1, executions: BigInt(2 * inFirst), notCompleted: 0n });
  expect(first).toMatchObject({ completed: BigInt(2 * inFirst), totalTokens: BigInt(2 * inFirst * 1_001) });
  expect(Number(first?.costUsd)).toBeCloseTo(2 * inFirst * (0.002 + 0.000008));
  expect(first?.latencyP95?.nanos).toBeGreaterThanOrEqual(first?.latencyP50?.nanos ?? Number.NaN);
  expect(second).toMatchObject({ version: 2, completed: 0n, notCompleted: BigInt(32 - 2 * inFirst), costUsd: '0' });
  expect(second?.latencyP50).toBeUndefined();

  const reweighted = await fleet.versions.splitAgent({ agentId, arms: [{ version: 1, weight: 3 }, arms[1] ?? {}] });
  expect(reweighted.split?.id).toBe(split?.id);
  const ended = await fleet.versions.splitAgent({ agentId, arms: [] });
  expect([ended.split, (await run(agentId, 'caller-0')).agentVersion]).toEqual([undefined, 2]);
  await expect(fleet.versions.getAgentSplitStatistics({ agentId })).rejects.toMatchObject({
    reason: 'SPLIT_NOT_FOUND',
  });
  const past = await fleet.versions.getAgentSplitStatistics({ agentId, splitId: split?.id ?? '' });
  expect(past.arms.map(({ weight, executions }) => [weight, executions])).toEqual([
    [0, first?.executions],
    [0, second?.executions],
  ]);
});

test('a split of versions that are not there, or twice there, or of a state that is gone, is refused', async () => {
  const agentId = await fleet.createAgent();
  const { etag } = await fleet.agents.getAgent({ id: agentId });
  const split = (versions: readonly number[], wish: { etag?: string } = {}) =>
    fleet.versions.splitAgent({ agentId, arms: versions.map((version) => ({ version, weight: 1 })), ...wish });
  await expect(split([1, 2])).rejects.toMatchObject({ code: 'not_found', reason: 'AGENT_VERSION_NOT_FOUND' });
  await expect(split([1, 1])).rejects.toMatchObject({ code: 'invalid_argument', reason: 'SPLIT_INVALID' });
  await fleet.agents.updateAgent({ id: agentId, name: 'Other' });
  await expect(split([1], { etag })).rejects.toMatchObject({ reason: 'REVISION_MISMATCH' });
  const other = await fleet.as({ tenantId: tenant() });
  for (const call of [
    () => other.versions.splitAgent({ agentId, arms: [{ version: 1, weight: 1 }] }),
    () => other.versions.rollBackAgent({ agentId, version: 1 }),
    () => other.versions.getAgentSplitStatistics({ agentId }),
    () => other.versions.diffAgentVersions({ agentId, fromVersion: 1, toVersion: 1 }),
  ]) {
    await expect(call()).rejects.toMatchObject({ code: 'not_found', reason: 'AGENT_NOT_FOUND' });
  }
});
