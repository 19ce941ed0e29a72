import { randomUUID } from 'node:crypto';
import { type JsonObject, toJson } from '@bufbuild/protobuf';
import { type Value, ValueSchema } from '@bufbuild/protobuf/wkt';
import { DryRunBasis, DryRunOutcome, WorkflowStatus } from '@flotilla/contracts/workflow';
import { eventually } from '@flotilla/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { inputFor, startWorkflow, type WorkflowHarness } from './harness.ts';
import { releaseWatch } from './release-watch.ts';

let fleet: WorkflowHarness;
beforeAll(async () => {
  fleet = await startWorkflow();
});
afterAll(() => fleet.stop());

const create = (definition = releaseWatch(), slug = `w-${randomUUID()}`) =>
  fleet.workflows.createWorkflow({ name: 'Release watch', slug, description: 'Watches.', definition });

test('a workflow is drafted, activated, changed as a new draft, activated again, deprecated, deleted', async () => {
  const draft = await create();
  expect(draft).toMatchObject({ status: WorkflowStatus.DRAFT, version: 0, etag: '1', definition: releaseWatch() });
  const { id } = draft;
  await expect(fleet.instances.startInstance({ workflowId: id })).rejects.toMatchObject({
    reason: 'WORKFLOW_NOT_ACTIVE',
  });
  expect(await fleet.workflows.activateWorkflow({ id, etag: '1' })).toMatchObject({
    status: WorkflowStatus.ACTIVE,
    version: 1,
    etag: '2',
  });
  expect(await fleet.workflows.activateWorkflow({ id })).toMatchObject({ version: 1, etag: '2' });
  const changed = { ...releaseWatch(), description: 'new' };
  expect(await fleet.workflows.updateWorkflow({ id, definition: changed, name: 'Other' })).toMatchObject({
    status: WorkflowStatus.ACTIVE,
    version: 1,
    name: 'Other',
    description: 'Watches.',
  });
  expect(await fleet.workflows.activateWorkflow({ id })).toMatchObject({ version: 2, definition: changed });
  expect(await fleet.workflows.deprecateWorkflow({ id })).toMatchObject({ status: WorkflowStatus.DEPRECATED });
  await expect(fleet.instances.startInstance({ workflowId: id })).rejects.toMatchObject({
    reason: 'WORKFLOW_NOT_ACTIVE',
  });
  await fleet.workflows.deleteWorkflow({ id });
  await expect(fleet.workflows.getWorkflow({ id })).rejects.toMatchObject({
    code: 'not_found',
    reason: 'WORKFLOW_NOT_FOUND',
  });
  expect(
    await fleet.database.query<{
      type: string;
    }>(`select type from outbox where aggregate_id = '${id}' and event_seq is not null
      union all select type from outbox_sent where aggregate_id = '${id}' and event_seq is not null`),
  ).toHaveLength(6);
});

test('a definition with problems is stored as a draft, and refused with every problem when it is activated', async () => {
  const definition = { steps: [{ id: 'a', kind: 'http', url: '${input.}', next: 'b' }] };
  const { id } = await create(definition);
  const problems = ['/steps/0/url EXPRESSION_INVALID', '/steps/0 EFFECT_WITHOUT_UNDO', '/steps/0/next STEP_UNKNOWN'];
  const refusal = await fleet.workflows.activateWorkflow({ id }).catch((error: unknown) => error);
  expect(refusal).toMatchObject({ code: 'failed_precondition', reason: 'DEFINITION_INVALID' });
  const { violations } = refusal as { violations: { field: string; reason: string }[] };
  expect(violations.map(({ field, reason }) => `${field} ${reason}`).sort()).toEqual([...problems].sort());
  const checked = await fleet.workflows.checkWorkflow({ definition });
  expect(checked.valid).toBe(false);
  expect(checked.problems.map(({ pointer, reason }) => `${pointer} ${reason}`).sort()).toEqual([...problems].sort());
  expect(await fleet.workflows.checkWorkflow({ definition: releaseWatch() })).toMatchObject({
    valid: true,
    problems: [],
  });
});

test('a draft is tried without a call, an event or a row', async () => {
  const { id } = await create();
  const tables = 'workflow_instances tasks workflow_journal outbox outbox_sent idempotency_keys'.split(' ');
  const rows = () =>
    Promise.all(tables.map((table) => fleet.database.query(`select count(*)::integer as count from ${table}`)));
  await eventually(async () => expect(await fleet.database.query('select 1 from outbox limit 1')).toEqual([]));
  const before = await rows();
  const received = fleet.neighbours.received.length;
  const input = inputFor(fleet.tracker.url);
  const undecided = await fleet.workflows.dryRunWorkflow({ id, input });
  expect(undecided).toMatchObject({
    outcome: DryRunOutcome.UNDECIDED,
    undecidedSteps: ['route', 'publish', 'publish_review', 'notify'],
    stepsNotReached: [],
    problems: [],
  });
  expect(undecided.steps.map(({ stepId, basis, next, alternatives }) => [stepId, basis, next || alternatives])).toEqual(
    [
      ['open', DryRunBasis.UNKNOWN, 'summarise'],
      ['summarise', DryRunBasis.UNKNOWN, 'check'],
      ['check', DryRunBasis.UNSPECIFIED, ['summarise', 'route']],
    ],
  );
  const severe = { step: 'summarise', facts: { output: { severity: 'high' } } };
  const decided = await fleet.workflows.dryRunWorkflow({
    id,
    input,
    assumptions: [severe, { step: 'check', facts: { output: { outcome: 'passed' } } }],
  });
  expect(decided).toMatchObject({ outcome: DryRunOutcome.COMPLETED, stepsNotReached: ['publish_review'] });
  expect(decided.steps.map(({ stepId }) => stepId)).toEqual([
    ...['open', 'summarise', 'check', 'route', 'publish', 'notify'],
  ]);
  expect(toJson(ValueSchema, decided.output as Value)).toMatchObject({ severity: 'high' });
  const failing = await fleet.workflows.dryRunWorkflow({
    id,
    input,
    assumptions: [{ step: 'check', errorReason: 'NO' }],
  });
  expect(failing).toMatchObject({
    outcome: DryRunOutcome.FAILED,
    errorReason: 'NO',
    errorStep: 'check',
    undos: [{ path: 'open' }],
  });
  expect(await rows()).toEqual(before);
  expect(fleet.neighbours.received).toHaveLength(received);
  expect(fleet.tracker.counts()).toMatchObject({ opened: 0, published: 0 });
});

test('what keeps a dry run from beginning is said in its place', async () => {
  const { id } = await create();
  const violation = (field: string, reason: string) => ({ reason, violations: [expect.objectContaining({ field })] });
  const input = inputFor(fleet.tracker.url);
  await expect(fleet.workflows.dryRunWorkflow({ id, input: { ...input, package: 1 } })).rejects.toMatchObject(
    violation('/input/package', 'INPUT_INVALID'),
  );
  const assume = (step: string, facts: JsonObject) =>
    fleet.workflows.dryRunWorkflow({ id, input, assumptions: [{ step, facts }] });
  for (const [step, facts, field] of [
    ['nowhere', {}, '/assumptions/0/step'],
    ['open', { output: { status: 500, body: null } }, '/assumptions/0/facts/output/status'],
    ['check', { output: { outcome: 'good' } }, '/assumptions/0/facts/output/outcome'],
  ] as const) {
    await expect(assume(step, facts)).rejects.toMatchObject(violation(field, 'ASSUMPTION_INVALID'));
  }
  await expect(fleet.workflows.dryRunWorkflow({ id, input, version: 1 })).rejects.toMatchObject({
    reason: 'WORKFLOW_VERSION_UNKNOWN',
  });
  const wrong = await create({ steps: [{ id: 'a', kind: 'http', url: '${input.}', next: 'b' }] });
  const impossible = await fleet.workflows.dryRunWorkflow({ id: wrong.id });
  expect(impossible).toMatchObject({ outcome: DryRunOutcome.IMPOSSIBLE, steps: [] });
  expect(impossible.problems.map(({ pointer }) => pointer).sort()).toEqual([
    '/steps/0',
    '/steps/0/next',
    '/steps/0/url',
  ]);
  // An effect without undo keeps a draft from being activated, not from being tried.
  const unsafe = await create({ steps: [{ id: 'a', kind: 'http', url: 'http://x/${input.n + 1}' }] });
  expect(await fleet.workflows.dryRunWorkflow({ id: unsafe.id, input: { n: 'x' } })).toMatchObject({
    outcome: DryRunOutcome.FAILED,
    errorReason: 'EXPRESSION_FAILED',
    problems: [
      { pointer: '/steps/0', reason: 'EFFECT_WITHOUT_UNDO' },
      { pointer: '/steps/0/url', reason: 'EXPRESSION_FAILED' },
    ],
  });
});

test('a definition that is too large is not even stored', async () => {
  const definition = { steps: [{ id: 'a', kind: 'agent', agentId: 'x', prompt: 'x'.repeat(300_000) }] };
  await expect(create(definition)).rejects.toMatchObject({ code: 'invalid_argument', reason: 'DEFINITION_TOO_LARGE' });
});

test('a slug belongs to one workflow of a tenant, until that is deleted', async () => {
  const slug = `slug-${randomUUID()}`;
  const { id } = await create(releaseWatch(), slug);
  await expect(create(releaseWatch(), slug)).rejects.toMatchObject({
    code: 'already_exists',
    reason: 'WORKFLOW_SLUG_TAKEN',
  });
  expect((await fleet.workflows.listWorkflows({ slug })).workflows.map((workflow) => workflow.id)).toEqual([id]);
  await fleet.workflows.deleteWorkflow({ id });
  await expect(create(releaseWatch(), slug)).resolves.toMatchObject({ slug });
});

test('a change of what somebody else has changed meanwhile is refused', async () => {
  const { id, etag } = await create();
  await fleet.workflows.updateWorkflow({ id, etag, name: 'First' });
  for (const change of [
    () => fleet.workflows.updateWorkflow({ id, etag, name: 'Second' }),
    () => fleet.workflows.activateWorkflow({ id, etag }),
    () => fleet.workflows.deleteWorkflow({ id, etag }),
  ]) {
    await expect(change()).rejects.toMatchObject({ code: 'aborted', reason: 'REVISION_MISMATCH' });
  }
});

test('a repeated creation answers the same workflow; the key with another request is refused', async () => {
  const request = { name: 'Once', slug: `once-${randomUUID()}`, definition: releaseWatch() };
  const idempotencyKey = randomUUID();
  const first = await fleet.workflows.createWorkflow(request, { idempotencyKey });
  expect(await fleet.workflows.createWorkflow(request, { idempotencyKey })).toEqual(first);
  await expect(fleet.workflows.createWorkflow({ ...request, name: 'Twice' }, { idempotencyKey })).rejects.toMatchObject(
    {
      reason: 'IDEMPOTENCY_KEY_REUSED',
    },
  );
});

test('pages follow each other, newest first', async () => {
  const ids: string[] = [];
  for (let count = 0; count < 5; count += 1) ids.push((await create()).id);
  const seen: string[] = [];
  for (let pageToken = ''; seen.length < 5; ) {
    const page = await fleet.workflows.listWorkflows({ pageSize: 2, pageToken });
    seen.push(...page.workflows.map(({ id }) => id));
    pageToken = page.nextPageToken;
  }
  expect(seen.slice(0, 5)).toEqual(ids.reverse());
  await expect(fleet.workflows.listWorkflows({ pageToken: 'nonsense' })).rejects.toMatchObject({
    reason: 'PAGE_TOKEN_INVALID',
  });
});

test('another tenant’s workflows and runs do not exist', async () => {
  const id = await fleet.activate();
  const instanceId = await fleet.start(id);
  const stranger = await fleet.as(fleet.address, { tenantId: randomUUID() });
  const notFound = { code: 'not_found' };
  await expect(stranger.workflows.getWorkflow({ id })).rejects.toMatchObject(notFound);
  await expect(stranger.workflows.updateWorkflow({ id, name: 'Mine' })).rejects.toMatchObject(notFound);
  await expect(stranger.workflows.activateWorkflow({ id })).rejects.toMatchObject(notFound);
  await expect(stranger.workflows.deprecateWorkflow({ id })).rejects.toMatchObject(notFound);
  await expect(stranger.workflows.deleteWorkflow({ id })).rejects.toMatchObject(notFound);
  await expect(stranger.instances.startInstance({ workflowId: id })).rejects.toMatchObject(notFound);
  await expect(stranger.instances.getInstance({ id: instanceId })).rejects.toMatchObject(notFound);
  await expect(stranger.instances.cancelInstance({ id: instanceId })).rejects.toMatchObject(notFound);
  await expect(stranger.instances.listTasks({ instanceId })).rejects.toMatchObject(notFound);
  await expect(stranger.instances.listCompensations({ instanceId })).rejects.toMatchObject(notFound);
  await expect(Array.fromAsync(stranger.instances.watchInstance({ id: instanceId }))).rejects.toMatchObject(notFound);
  expect((await stranger.workflows.listWorkflows({})).workflows).toEqual([]);
  expect((await stranger.instances.listInstances({})).instances).toEqual([]);
  await fleet.ended(instanceId);
  stranger.close();
});

test('a workflow with unfinished runs is not deleted', async () => {
  const id = await fleet.activate();
  await fleet.tracker.mood({ on: 'open', action: 'hold', ms: 1500 });
  const instanceId = await fleet.start(id);
  await expect(fleet.workflows.deleteWorkflow({ id })).rejects.toMatchObject({ reason: 'WORKFLOW_IN_USE' });
  await fleet.ended(instanceId);
  await fleet.workflows.deleteWorkflow({ id });
  expect((await fleet.instances.getInstance({ id: instanceId })).workflowId).toBe(id);
});
