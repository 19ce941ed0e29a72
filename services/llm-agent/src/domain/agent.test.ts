import { expect, test } from 'vitest';
import { type AgentWish, changeAgent, checkRunnable, contentHash, createAgent } from './agent.ts';

const providers = new Set(['local']);
const now = new Date('2026-01-01T00:00:00Z');
const wish: AgentWish = {
  name: 'Summary',
  slug: 'summary',
  description: '',
  provider: 'local',
  model: 'm',
  parameters: { temperature: 0 },
  systemPrompt: 'Summarise.',
  outputSchema: { type: 'object', required: ['a'] },
  limits: {},
  tags: [],
  tools: [],
  capabilities: [],
  memoryEnabled: false,
  routing: {},
};
const create = (different: Partial<AgentWish> = {}) =>
  createAgent({ ...wish, ...different }, { id: '1', createdBy: 'u', now, providers });

test('what executions depend on makes a version; a name does not', () => {
  const agent = create();
  expect(changeAgent(agent, { name: 'Other' }, { now, providers }).version).toBe(1);
  expect(changeAgent(agent, { systemPrompt: wish.systemPrompt }, { now, providers }).version).toBe(1);
  for (const change of [
    { systemPrompt: 'b' },
    { model: 'b' },
    { parameters: {} },
    { outputSchema: undefined },
    { tools: ['a'] },
  ]) {
    expect(changeAgent(agent, change, { now, providers }).version).toBe(2);
  }
});

test('the content hash does not depend on the order of keys', () => {
  expect(contentHash(create({ outputSchema: { required: ['a'], type: 'object' } }))).toBe(contentHash(create()));
});

test('contents without tools keep the hash that they had before there were tools', () => {
  expect(contentHash(create())).toBe('96b2859404717c550a292892e22e6b523408ada408af5fe478999569e8368c1f');
});

test('a capability is there once', () => {
  const twice = [1, 0.5].map((proficiencyLevel) => ({ capability: 'sums', proficiencyLevel }));
  expect(() => create({ capabilities: twice })).toThrow(expect.objectContaining({ reason: 'CAPABILITY_REPEATED' }));
});

test('an unknown provider is refused, with the known ones', () => {
  expect(() => create({ provider: 'acme' })).toThrow(expect.objectContaining({ reason: 'PROVIDER_UNKNOWN' }));
  expect(() => changeAgent(create(), { provider: 'acme' }, { now, providers })).toThrow(/known: local/);
});

test('an archived agent neither runs nor changes; an inactive one does not run', () => {
  const archived = changeAgent(create(), { status: 'archived' }, { now, providers });
  expect(() => checkRunnable(archived)).toThrow(expect.objectContaining({ reason: 'AGENT_ARCHIVED' }));
  expect(() => changeAgent(archived, { status: 'active' }, { now, providers })).toThrow(/archived/);
  const inactive = changeAgent(create(), { status: 'inactive' }, { now, providers });
  expect(() => checkRunnable(inactive)).toThrow(expect.objectContaining({ reason: 'AGENT_INACTIVE' }));
});
