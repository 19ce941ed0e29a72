import { randomUUID } from 'node:crypto';
import type { JsonObject } from '@bufbuild/protobuf';
import { type Approval, ApprovalStatus, InstanceStatus, TaskStatus, Verdict } from '@flotilla/contracts/workflow';
import { eventually } from '@flotilla/testing';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Clients, startWorkflow, type WorkflowHarness } from './harness.ts';
import { wellScript } from './neighbours.ts';

let fleet: WorkflowHarness;
const people = new Map<string, Clients & { close(): void }>();
const [ada, bob, cyd] = [randomUUID(), randomUUID(), randomUUID()];
beforeAll(async () => {
  fleet = await startWorkflow();
  for (const userId of [ada, bob, cyd]) people.set(userId, await fleet.as(fleet.address, { userId }));
});
afterAll(async () => {
  for (const clients of people.values()) clients.close();
  await fleet.stop();
});
beforeEach(() => {
  fleet.neighbours.script = wellScript();
});

const by = (userId: string) => people.get(userId)?.approvals ?? fleet.approvals;
const approve = { verdict: Verdict.APPROVE };
const reject = { verdict: Verdict.REJECT };

/** sign_off, then a notification that cannot be undone where somebody's approval is the only way to it. */
const signOff = (step: JsonObject): JsonObject => ({
  steps: [
    { id: 'sign_off', kind: 'approval', title: 'Publish ${input.package}?', next: 'tell', ...step },
    {
      id: 'tell',
      kind: 'notification',
      templateId: '${input.templateId}',
      irreversible: step['onReject'] === undefined && step['onExpiry'] !== 'approve',
    },
  ],
  output: { answer: '${steps.sign_off.output}', decision: '${steps.sign_off.decision}' },
});

async function asked(step: JsonObject): Promise<{ instanceId: string; approval: Approval }> {
  const instanceId = await fleet.start(await fleet.activate(signOff(step)));
  return { instanceId, approval: await approvalOf(instanceId) };
}

const approvalOf = (instanceId: string): Promise<Approval> =>
  eventually(async () => {
    const [approval] = (await fleet.approvals.listApprovals({ instanceId })).approvals;
    if (approval === undefined) throw new Error('Nobody is asked yet.');
    return approval;
  });
const refusal = (call: Promise<unknown>) =>
  call.then(
    () => undefined,
    (error: unknown) => error,
  );

test('a run waits for the people it names; their form becomes the output of the step', async () => {
  const schema = {
    type: 'object',
    additionalProperties: false,
    required: ['channel'],
    properties: { channel: { enum: ['stable', 'beta'] } },
  };
  const { instanceId, approval } = await asked({ approvers: { users: [ada, bob] }, quorum: 2, form: { schema } });
  expect(approval).toMatchObject({
    status: ApprovalStatus.PENDING,
    title: 'Publish valkey?',
    approverIds: [ada, bob],
    quorum: 2,
    formSchema: schema,
    stepId: 'sign_off',
  });
  expect(await fleet.instances.getInstance({ id: instanceId })).toMatchObject({
    status: InstanceStatus.RUNNING,
    currentSteps: ['sign_off'],
  });
  const { id } = approval;
  expect(await refusal(by(cyd).decideApproval({ id, ...approve }))).toMatchObject({
    code: 'permission_denied',
    reason: 'NOT_AN_APPROVER',
  });
  expect(await refusal(by(ada).decideApproval({ id, ...approve, form: { channel: 'nightly' } }))).toMatchObject({
    code: 'invalid_argument',
    reason: 'FORM_INVALID',
    violations: [{ field: '/form/channel', reason: 'FORM_INVALID' }],
  });
  const idempotencyKey = randomUUID();
  const say = { id, ...approve, comment: 'Fine.', form: { channel: 'beta' } };
  const first = await by(ada).decideApproval(say, { idempotencyKey });
  expect(first).toMatchObject({
    status: ApprovalStatus.PENDING,
    decisions: [{ userId: ada, verdict: Verdict.APPROVE }],
  });
  expect(await by(ada).decideApproval(say, { idempotencyKey })).toEqual(first);
  expect(await refusal(by(ada).decideApproval(say))).toMatchObject({
    code: 'already_exists',
    reason: 'ALREADY_ANSWERED',
  });
  const second = await by(bob).decideApproval({ id, ...approve, form: { channel: 'stable' } });
  expect(second.status).toBe(ApprovalStatus.APPROVED);
  expect(await fleet.ended(instanceId)).toMatchObject({
    status: InstanceStatus.COMPLETED,
    output: { answer: { channel: 'stable' }, decision: 'approved' },
  });
  expect(await refusal(by(bob).decideApproval({ id, ...reject }))).toMatchObject({
    code: 'failed_precondition',
    reason: 'APPROVAL_DECIDED',
  });
  const [task] = (await fleet.instances.listTasks({ instanceId })).tasks;
  expect(task).toMatchObject({ stepKind: 'approval', status: TaskStatus.COMPLETED, attempts: 1 });
});

test('a rejection fails the run before anything irreversible; of many who race one decides', async () => {
  const { instanceId, approval } = await asked({ approvers: { users: [ada, bob], permission: 'workflows:write' } });
  const { id } = approval;
  const answers = await Promise.all(
    [ada, bob, cyd].map((userId) => refusal(by(userId).decideApproval({ id, ...reject, comment: userId }))),
  );
  expect(answers.filter((answer) => answer === undefined)).toHaveLength(1);
  for (const answer of answers.filter((one) => one !== undefined)) {
    expect(answer).toMatchObject({ reason: 'APPROVAL_DECIDED' });
  }
  expect(await fleet.ended(instanceId)).toMatchObject({
    status: InstanceStatus.FAILED,
    errorReason: 'APPROVAL_REJECTED',
    errorStep: 'sign_off',
  });
  const closed = await fleet.approvals.getApproval({ id });
  expect(closed).toMatchObject({ status: ApprovalStatus.REJECTED, decisions: [{ verdict: Verdict.REJECT }] });
  expect(fleet.neighbours.received.filter(({ key }) => key.startsWith(instanceId))).toEqual([]);
  const rows = await fleet.database.query<{ type: string }>(`
    select type, event_seq from (
      select type, event_seq, aggregate_id from outbox union all select type, event_seq, aggregate_id from outbox_sent
    ) as events where aggregate_id = '${id}' order by event_seq`);
  expect(rows.map(({ type }) => type.replace('flotilla.workflow.v1.', ''))).toEqual([
    'ApprovalRequested',
    'ApprovalDecided',
    'ApprovalClosed',
  ]);
});

test('nobody answers: the default is taken, and an answer after it is late', async () => {
  const users = { approvers: { users: [ada] }, expiresInMs: 200 };
  const [failed, rejected, approved] = await Promise.all([
    asked(users),
    asked({ ...users, onExpiry: 'reject', onReject: '$end' }),
    asked({ ...users, onExpiry: 'approve' }),
  ]);
  expect(await fleet.ended(failed.instanceId)).toMatchObject({ errorReason: 'APPROVAL_EXPIRED' });
  expect(await fleet.ended(rejected.instanceId)).toMatchObject({
    status: InstanceStatus.COMPLETED,
    output: { decision: 'rejected' },
  });
  expect(await fleet.ended(approved.instanceId)).toMatchObject({ output: { decision: 'approved' } });
  for (const { approval } of [failed, rejected, approved]) {
    expect(await fleet.approvals.getApproval({ id: approval.id })).toMatchObject({ status: ApprovalStatus.EXPIRED });
    expect(await refusal(by(ada).decideApproval({ id: approval.id, ...approve }))).toMatchObject({
      reason: 'APPROVAL_EXPIRED',
    });
  }
});

test('a say can be handed on; who started the run can be kept out; lists show what asks the caller', async () => {
  const starter = people.get(cyd);
  if (starter === undefined) throw new Error('Cyd has no clients.');
  const workflowId = await fleet.activate(signOff({ approvers: { users: [ada] }, excludeStarter: true }));
  const { id: instanceId } = await starter.instances.startInstance({
    workflowId,
    input: { package: 'valkey', templateId: randomUUID() },
  });
  const { id } = await approvalOf(instanceId);
  const mine = async (userId: string) =>
    (await by(userId).listApprovals({ mine: true, status: ApprovalStatus.PENDING })).approvals.map((one) => one.id);
  expect(await mine(ada)).toContain(id);
  expect(await mine(bob)).not.toContain(id);
  expect(await refusal(by(cyd).decideApproval({ id, ...approve }))).toMatchObject({ reason: 'STARTER_EXCLUDED' });
  expect(await refusal(by(ada).delegateApproval({ id, toUserId: cyd }))).toMatchObject({ reason: 'STARTER_EXCLUDED' });
  expect(await refusal(by(bob).delegateApproval({ id, toUserId: cyd }))).toMatchObject({ reason: 'NOT_AN_APPROVER' });
  const handed = await by(ada).delegateApproval({ id, toUserId: bob, comment: 'On holiday.' });
  expect(handed).toMatchObject({ approverIds: [bob], delegations: [{ fromUserId: ada, toUserId: bob }] });
  expect(await mine(ada)).not.toContain(id);
  expect(await mine(bob)).toContain(id);
  expect(await refusal(by(ada).decideApproval({ id, ...approve }))).toMatchObject({ reason: 'NOT_AN_APPROVER' });
  await by(bob).decideApproval({ id, ...approve });
  expect(await fleet.ended(instanceId)).toMatchObject({ status: InstanceStatus.COMPLETED });
  expect(await mine(bob)).not.toContain(id);
  const kinds = (await Array.fromAsync(fleet.instances.watchInstance({ id: instanceId }))).map(({ kind }) => kind);
  expect(kinds.slice(1, 5)).toEqual(['step_started', 'approval_delegated', 'approval_decided', 'step_completed']);
});

test('each item of a map asks by itself', async () => {
  const ask = { id: 'ask', kind: 'approval', title: '${item}', approvers: { users: [ada] } };
  const each = { id: 'each', kind: 'map', items: ['a', 'b'], steps: [ask] };
  const instanceId = await fleet.start(await fleet.activate({ steps: [each] }));
  const both = await eventually(async () => {
    const { approvals } = await fleet.approvals.listApprovals({ instanceId });
    if (approvals.length < 2) throw new Error('Not all are asked yet.');
    return approvals;
  });
  expect(both.map(({ path, title }) => `${path} ${title}`).sort()).toEqual(['each[0]/ask a', 'each[1]/ask b']);
  await Promise.all(both.map(({ id }) => by(ada).decideApproval({ id, ...approve })));
  expect(await fleet.ended(instanceId)).toMatchObject({ status: InstanceStatus.COMPLETED });
});

test('a cancelled run asks nobody any more; approvers that are none fail the step', async () => {
  const { instanceId, approval } = await asked({ approvers: { users: [ada] } });
  await fleet.instances.cancelInstance({ id: instanceId });
  expect(await fleet.ended(instanceId)).toMatchObject({ status: InstanceStatus.CANCELLED });
  expect(await refusal(by(ada).decideApproval({ id: approval.id, ...approve }))).toMatchObject({
    reason: 'APPROVAL_CANCELLED',
  });
  const unproven = signOff({ approvers: { users: [ada] }, onExpiry: 'reject', expiresInMs: 1000, onReject: 'tell' });
  for (const step of (unproven['steps'] as JsonObject[]).slice(1)) step['irreversible'] = true;
  expect(await refusal(fleet.activate(unproven))).toMatchObject({ violations: [{ reason: 'IRREVERSIBLE_UNCHECKED' }] });
  const nobody = await fleet.start(await fleet.activate(signOff({ approvers: { users: ['${input.package}'] } })));
  expect(await fleet.ended(nobody)).toMatchObject({ errorReason: 'APPROVERS_INVALID', errorStep: 'sign_off' });
});
