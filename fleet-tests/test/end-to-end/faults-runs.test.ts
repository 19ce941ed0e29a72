import { eventually, modelReplies, type ScriptedModel } from '@flotilla/testing';
import { afterAll, afterEach, beforeAll, expect, onTestFinished, test } from 'vitest';
import { type Account, type Fleet, openFleet } from './fleet.ts';
import { expectAllAudited, wellProcesses } from './load.ts';
import { inventedAnswer, openReleaseWatch, type ReleaseWatch, rightAnswer } from './release-watch.ts';

const patience = { timeoutMs: 90_000, intervalMs: 50 };

let fleet: Fleet;
let account: Account;
let model: ScriptedModel;
let releases: ReleaseWatch;
beforeAll(async () => {
  fleet = await openFleet();
  account = await fleet.newTenant();
  model = await fleet.playModel([modelReplies.json(rightAnswer)]);
  releases = await openReleaseWatch(fleet, account);
});
afterEach(() => releases?.calm());
afterAll(() => model?.stop());

const kill = (name: string) => fleet.flotilla('kill', name);
const freeze = (name: string) => fleet.flotilla('kill', name, '--signal', 'SIGSTOP');
const thaw = (name: string) => fleet.flotilla('kill', name, '--signal', 'SIGCONT');
/** Journal entries of undos, in their order. */
const undosOf = async (runId: string) =>
  (
    await fleet.sql<{ step_id: string }>(
      'workflow',
      `select step_id from workflow_journal where instance_id = $1 and kind = 'undo_completed' order by seq`,
      [runId],
    )
  ).map(({ step_id }) => step_id);
const recordOf = async (runId: string) => (await releases.tracker()).records.filter((record) => record.runId === runId);
const ledger = async () =>
  (await fleet.sql('llm-agent', 'select id from provider_attempts where tenant_id = $1', [account.tenantId])).length;

test('a right answer completes the run, an invented CVE fails it and is taken back; every hit is in the ledger', async () => {
  model.play([modelReplies.json(rightAnswer)]);
  const good = await releases.start();
  expect(await releases.ended(good)).toMatchObject({ status: 'INSTANCE_STATUS_COMPLETED' });
  expect(await recordOf(good)).toMatchObject([{ state: 'published' }]);

  model.play([modelReplies.json(inventedAnswer)]);
  const bad = await releases.start();
  expect(await releases.ended(bad)).toMatchObject({
    status: 'INSTANCE_STATUS_FAILED',
    compensation: 'COMPENSATION_STATE_COMPLETE',
    errorStep: 'check',
    errorReason: 'VALIDATION_FAILED',
  });
  expect(await recordOf(bad)).toMatchObject([{ state: 'withdrawn' }]);
  expect(model.requests).toHaveLength(3);
  expect(await ledger()).toBe(3);
});

test('the workflow service killed between each effect and its journal entry: the run ends right, each effect once', async () => {
  const before = await releases.tracker();
  const hits = model.requests.length;
  const mayAnswer = Promise.withResolvers<void>();
  model.play(async () => {
    await mayAnswer.promise;
    return modelReplies.json(rightAnswer);
  });
  await releases.mood({ on: 'open', action: 'hold', ms: 60_000 });
  await releases.mood({ on: 'publish', action: 'hold', ms: 60_000 });

  // Whatever happens here, the tests after this one find nobody frozen.
  onTestFinished(async () => {
    for (const name of ['validation', 'notification']) await thaw(name);
  });

  const run = await releases.start();
  await eventually(async () => (await recordOf(run)).length === 1, patience);
  await kill('workflow');
  await eventually(() => model.requests.length === hits + 1, patience);
  await freeze('validation');
  await kill('workflow');
  mayAnswer.resolve();
  await releases.journaled(run, 'step_started', 'check');
  await freeze('notification');
  await kill('workflow');
  await thaw('validation');
  await releases.signOff(run);
  await eventually(async () => (await recordOf(run))[0]?.state === 'published', patience);
  await kill('workflow');
  await releases.journaled(run, 'step_started', 'notify_email');
  await kill('workflow');
  await thaw('notification');

  expect(await releases.ended(run)).toMatchObject({ status: 'INSTANCE_STATUS_COMPLETED' });
  const after = await releases.tracker();
  expect([after.opened - before.opened, after.published - before.published]).toEqual([1, 1]);
  expect(after).toMatchObject({ duplicates: before.duplicates, orphans: before.orphans, withdrawn: before.withdrawn });
  expect(model.requests).toHaveLength(hits + 1);
  expect(await ledger()).toBe(model.requests.length);
  const accepted = await fleet.sql<{ channel: string }>(
    'notification',
    `select channel from notifications where tenant_id = $1 and starts_with(send_key, $2) order by channel`,
    [account.tenantId, run],
  );
  expect(accepted.map(({ channel }) => channel)).toEqual(['email', 'in_app']);
});

test('llm-agent killed while the model answers: the agent is asked again, and the run goes on', async () => {
  const hits = model.requests.length;
  model.play((_request, hit) => (hit === hits + 1 ? modelReplies.hang() : modelReplies.json(rightAnswer)));
  const run = await releases.start();
  await eventually(() => model.requests.length === hits + 1, patience);
  await kill('llm-agent');
  expect(await releases.ended(run)).toMatchObject({ status: 'INSTANCE_STATUS_COMPLETED' });
  expect(model.requests).toHaveLength(hits + 2);
  expect(await ledger()).toBe(model.requests.length);
});

test('killed in the middle of its undos, a run still takes everything back, in reverse order', async () => {
  model.play([modelReplies.json(rightAnswer)]);
  const before = await releases.tracker();
  await releases.mood({ on: 'publish', action: 'refuse', status: 409 });
  await releases.mood({ on: 'undo', action: 'hold', ms: 60_000 });
  const run = await releases.start();
  await releases.signOff(run);
  await eventually(async () => (await releases.tracker()).entries.length > before.entries.length + 1, patience);
  await kill('workflow');
  expect(await releases.ended(run)).toMatchObject({
    status: 'INSTANCE_STATUS_FAILED',
    compensation: 'COMPENSATION_STATE_COMPLETE',
    errorStep: 'publish',
  });
  expect(await undosOf(run)).toEqual(['publish', 'open']);
  expect(await recordOf(run)).toMatchObject([{ state: 'withdrawn' }]);
  expect(await releases.tracker()).toMatchObject({ duplicates: before.duplicates, orphans: before.orphans });
});

test('an open that the tracker applies after its run was cancelled and undone is refused: no orphan', async () => {
  const before = await releases.tracker();
  await releases.mood({ on: 'open', action: 'late', ms: 9_000 });
  await releases.mood({ on: 'open', action: 'late', ms: 9_000 });
  const run = await releases.start();
  await releases.journaled(run, 'step_started', 'open');
  await fleet.ok('POST', `/v1/instances/${run}:cancel`, { key: account.key, body: { reason: 'enough' } });
  expect(await releases.ended(run)).toMatchObject({
    status: 'INSTANCE_STATUS_CANCELLED',
    compensation: 'COMPENSATION_STATE_COMPLETE',
  });
  // As late as the run's own request, and sent after it: when this one is through, so is that.
  await fetch(`${fleet.trackerUrl}/records`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': `sentinel of ${run}` },
    body: JSON.stringify({ runId: `sentinel of ${run}`, title: 'sentinel' }),
    signal: AbortSignal.timeout(60_000),
  });
  expect(await recordOf(run)).toEqual([]);
  const after = await releases.tracker();
  expect(after.entries.filter(({ key }) => key?.startsWith(run))).toMatchObject([{ kind: 'undone', undid: 'nothing' }]);
  expect(after).toMatchObject({ duplicates: before.duplicates, orphans: before.orphans });
});

test('after all that, the audit log has every event of these runs once and in order', async () => {
  await wellProcesses(fleet);
  await expectAllAudited(fleet, account);
});
