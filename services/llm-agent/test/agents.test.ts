import { randomUUID } from 'node:crypto';
import { AgentStatus } from '@flotilla/contracts/agent';
import { tenant } from '@flotilla/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type LlmAgent, startLlmAgent } from './harness.ts';

let fleet: LlmAgent;
beforeAll(async () => {
  fleet = await startLlmAgent();
});
afterAll(() => fleet?.stop());

const wish = () => ({
  name: 'Summary',
  slug: `summary-${randomUUID()}`,
  description: 'Summarises.',
  provider: 'openai-compatible',
  model: 'm',
  parameters: { temperature: 0.5, maxTokens: 100, topP: 1, seed: 9007199254740993n },
  systemPrompt: 'Summarise.',
  outputSchema: { type: 'object', properties: { summary: { type: 'string' } } },
  limits: { timeout: { seconds: 30n, nanos: 0 }, maxAttempts: 2 },
  tags: ['a', 'b'],
});

test('an agent comes back as it was created', async () => {
  const asked = wish();
  const created = await fleet.agents.createAgent(asked);
  expect(created).toMatchObject({ ...asked, status: AgentStatus.ACTIVE, version: 1, etag: '1' });
  expect(await fleet.agents.getAgent({ id: created.id })).toEqual(created);
  expect((await fleet.agents.listAgents({ slug: asked.slug })).agents).toEqual([created]);
});

test('a change of what executions depend on is a version, with its content kept', async () => {
  const created = await fleet.agents.createAgent(wish());
  const renamed = await fleet.agents.updateAgent({ id: created.id, name: 'Other', etag: created.etag });
  expect(renamed).toMatchObject({ name: 'Other', version: 1, etag: '2' });
  const changed = await fleet.agents.updateAgent({ id: created.id, systemPrompt: 'Shorter.', etag: renamed.etag });
  expect(changed).toMatchObject({ version: 2, systemPrompt: 'Shorter.', name: 'Other', etag: '3' });
  // Its times too: what an update answers is what is kept.
  expect(await fleet.agents.getAgent({ id: created.id })).toEqual(changed);
  const { versions } = await fleet.agents.listAgentVersions({ agentId: created.id });
  expect(versions.map(({ version, systemPrompt }) => [version, systemPrompt])).toEqual([
    [2, 'Shorter.'],
    [1, 'Summarise.'],
  ]);
  expect(new Set(versions.map(({ contentHash }) => contentHash)).size).toBe(2);
});

test('of twenty changes at once, all based on the same state, one wins', async () => {
  const created = await fleet.agents.createAgent(wish());
  const answers = await Promise.allSettled(
    Array.from({ length: 20 }, (_, index) =>
      fleet.agents.updateAgent({ id: created.id, name: `Name ${index}`, etag: created.etag }),
    ),
  );
  const lost = answers.filter((answer) => answer.status === 'rejected').map(({ reason }) => reason.reason);
  expect(lost).toEqual(Array(19).fill('REVISION_MISMATCH'));
});

test('a stale etag neither changes nor removes', async () => {
  const created = await fleet.agents.createAgent(wish());
  await fleet.agents.updateAgent({ id: created.id, name: 'Newer', etag: created.etag });
  const stale = { id: created.id, etag: created.etag };
  const refusal = { code: 'aborted', reason: 'REVISION_MISMATCH' };
  await expect(fleet.agents.updateAgent({ ...stale, name: 'Stale' })).rejects.toMatchObject(refusal);
  await expect(fleet.agents.deleteAgent(stale)).rejects.toMatchObject(refusal);
  expect(await fleet.agents.getAgent({ id: created.id })).toMatchObject({ name: 'Newer' });
});

test('a slug is taken once at a time; removing an agent frees it and keeps its executions', async () => {
  const asked = wish();
  const { id } = await fleet.agents.createAgent({ ...asked, outputSchema: {} });
  await expect(fleet.agents.createAgent(asked)).rejects.toMatchObject({
    code: 'already_exists',
    reason: 'AGENT_SLUG_TAKEN',
  });
  const execution = await fleet.executions.executeAgent({ agentId: id, prompt: 'Hello?' });
  await fleet.agents.deleteAgent({ id });
  await expect(fleet.agents.getAgent({ id })).rejects.toMatchObject({ code: 'not_found', reason: 'AGENT_NOT_FOUND' });
  expect(await fleet.executions.getExecution({ id: execution.id })).toEqual(execution);
  await expect(fleet.agents.createAgent(asked)).resolves.toMatchObject({ slug: asked.slug });
});

test.each([
  ['an unknown provider', { provider: 'acme' }, 'PROVIDER_UNKNOWN', 'provider'],
  [
    'a bad schema',
    { outputSchema: { properties: { a: { type: 'text' } } } },
    'OUTPUT_SCHEMA_INVALID',
    'output_schema/properties/a/type',
  ],
])('%s is refused with its place, and nothing is written', async (_name, different, reason, field) => {
  const asked = { ...wish(), ...different };
  await expect(fleet.agents.createAgent(asked)).rejects.toMatchObject({
    code: 'invalid_argument',
    reason,
    violations: expect.arrayContaining([expect.objectContaining({ field })]),
  });
  expect((await fleet.agents.listAgents({ slug: asked.slug })).agents).toEqual([]);
});

test('an archived agent neither runs nor changes', async () => {
  const created = await fleet.agents.createAgent(wish());
  const archived = await fleet.agents.updateAgent({ id: created.id, status: AgentStatus.ARCHIVED });
  expect(archived.status).toBe(AgentStatus.ARCHIVED);
  const refusal = { code: 'failed_precondition', reason: 'AGENT_ARCHIVED' };
  await expect(fleet.agents.updateAgent({ id: created.id, name: 'x' })).rejects.toMatchObject(refusal);
  await expect(fleet.executions.executeAgent({ agentId: created.id, prompt: 'x' })).rejects.toMatchObject(refusal);
});

test('pages walk through all agents, newest first, and filters narrow them', async () => {
  const other = await fleet.as({ tenantId: tenant() });
  const tag = randomUUID();
  const ids: string[] = [];
  for (let index = 0; index < 5; index += 1) {
    ids.unshift((await other.agents.createAgent({ ...wish(), tags: index % 2 === 0 ? [tag] : [] })).id);
  }
  const seen: string[] = [];
  let pageToken = '';
  do {
    const page = await other.agents.listAgents({ pageSize: 2, pageToken });
    expect(page.agents.length).toBeLessThanOrEqual(2);
    seen.push(...page.agents.map(({ id }) => id));
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  expect(seen).toEqual(ids);
  expect((await other.agents.listAgents({ tag })).agents).toHaveLength(3);
  await expect(other.agents.listAgents({ pageToken: 'bm90IG9uZQ' })).rejects.toMatchObject({
    reason: 'PAGE_TOKEN_INVALID',
  });
});

test("another tenant's agent does not exist", async () => {
  const { id } = await fleet.agents.createAgent(wish());
  const other = await fleet.as({ tenantId: tenant() });
  const refusal = { code: 'not_found', reason: 'AGENT_NOT_FOUND' };
  await expect(other.agents.getAgent({ id })).rejects.toMatchObject(refusal);
  await expect(other.agents.updateAgent({ id, name: 'x' })).rejects.toMatchObject(refusal);
  await expect(other.agents.deleteAgent({ id })).rejects.toMatchObject(refusal);
  await expect(other.agents.listAgentVersions({ agentId: id })).rejects.toMatchObject(refusal);
  await expect(other.executions.executeAgent({ agentId: id, prompt: 'x' })).rejects.toMatchObject(refusal);
  expect((await other.agents.listAgents({})).agents).toEqual([]);
});

test('a repeated creation answers the same agent; the key is good for one request', async () => {
  const asked = wish();
  const created = await fleet.agents.createAgent(asked, { idempotencyKey: asked.slug });
  expect(await fleet.agents.createAgent(asked, { idempotencyKey: asked.slug })).toEqual(created);
  await expect(
    fleet.agents.createAgent({ ...asked, name: 'Another' }, { idempotencyKey: asked.slug }),
  ).rejects.toMatchObject({ code: 'invalid_argument', reason: 'IDEMPOTENCY_KEY_REUSED' });
});

test('each change leaves an event and a captured change, numbered without gaps', async () => {
  const created = await fleet.agents.createAgent(wish());
  await fleet.agents.updateAgent({ id: created.id, name: 'Other' });
  await fleet.agents.deleteAgent({ id: created.id });
  const rows = await fleet.database.query<{ topic: string; type: string; event_seq: string | null }>(
    `select topic, type, event_seq from (select * from outbox union all
       select ${columns} from outbox_sent) all_rows where aggregate_id = $1 order by seq`,
    [created.id],
  );
  const events = rows.filter(({ topic }) => topic === 'flotilla.agent.v1');
  expect(events.map(({ type, event_seq }) => `${type} ${event_seq}`)).toEqual([
    'flotilla.agent.v1.AgentCreated 1',
    'flotilla.agent.v1.AgentUpdated 2',
    'flotilla.agent.v1.AgentDeleted 3',
  ]);
  expect(rows.filter(({ topic }) => topic === 'flotilla.agent.changes.v1')).toHaveLength(3);
});

const columns = `seq, id, tenant_id, topic, aggregate, aggregate_id, event_seq, type, payload, change, traceparent,
  causation_depth, actor_type, actor_id, occurred_at`;
