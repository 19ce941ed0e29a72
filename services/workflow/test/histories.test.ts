import { readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JsonObject } from '@bufbuild/protobuf';
import { CompensationState, InstanceStatus, Verdict } from '@flotilla/contracts/workflow';
import { type RunningServer, startServer } from '@flotilla/deploy';
import { eventually } from '@flotilla/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startWorkflow, type WorkflowHarness } from './harness.ts';
import { checkHistory, type Histories, readHistories, recordings } from './history.ts';

/** So that a run need not have thousands of events before it is continued in a new history. */
const continueAfterEvents = 60;

let stateDir: string;
let temporal: RunningServer;
let fleet: WorkflowHarness;
let histories: Histories;
beforeAll(async () => {
  stateDir = await mkdtemp(join(tmpdir(), 'flotilla-temporal-'));
  const settings = { 'limit.historyCount.suggestContinueAsNew': String(continueAfterEvents) };
  temporal = await startServer('temporal', { stateDir, settings });
  fleet = await startWorkflow({ FLOTILLA_TEMPORAL_ADDRESS: temporal.address });
  histories = await readHistories(temporal.address);
});
afterAll(async () => {
  await histories.close();
  await fleet.stop();
  await temporal.stop();
  await rm(stateDir, { recursive: true });
});

const record = (id: string, rest: JsonObject = {}): JsonObject => ({
  id,
  kind: 'http',
  url: '${input.tracker}/records',
  body: { title: id, runId: '${run.id}' },
  undo: { url: '${input.tracker}/undo', body: { key: '${effect.key}' } },
  ...rest,
});
const refused = (id: string, rest: JsonObject = {}): JsonObject =>
  record(id, { url: '${input.tracker}/records/none/publish', ...rest });

/** Waits until a workflow is created that is called by the id of the run. */
const awaitEvent: JsonObject = {
  ...{ id: 'hear', kind: 'wait', event: 'flotilla.workflow.v1.WorkflowCreated', when: 'event.workflow.name == run.id' },
  next: 'last',
};

async function tellOf(id: string): Promise<void> {
  await eventually(async () => expect((await fleet.instances.getInstance({ id })).currentSteps).toEqual(['hear']));
  const definition = { steps: [{ id: 'only', kind: 'transform', value: 1 }] };
  await fleet.workflows.createWorkflow({ name: id, slug: `w-${id}`, definition });
}

/** What stands between a first effect and the decision by which the run completes or fails. */
interface Shape {
  readonly name: string;
  readonly steps: readonly JsonObject[];
  /** How the tracker treats what comes first. */
  readonly mood?: JsonObject;
  /** What people do to the run meanwhile. */
  readonly meanwhile?: (id: string) => Promise<unknown>;
  readonly histories?: number;
}

const shapes: readonly Shape[] = [
  { name: 'straight', steps: [record('second', { next: 'last' })] },
  { name: 'ridden', steps: [record('second', { next: 'third' }), record('third', { next: 'last' })] },
  {
    name: 'backed-off',
    mood: { on: 'open', action: 'refuse', status: 503 },
    steps: [record('second', { next: 'last' })],
  },
  { name: 'slow', mood: { on: 'open', action: 'hold', ms: 2_500 }, steps: [record('second', { next: 'last' })] },
  {
    name: 'routed',
    steps: [
      {
        id: 'choose',
        kind: 'decision',
        cases: [{ when: 'input.package != ""', next: 'reshape' }],
        default: { next: 'last' },
      },
      { id: 'reshape', kind: 'transform', value: { is: '${input.package}' }, next: 'last' },
    ],
  },
  {
    name: 'agent',
    steps: [
      { id: 'summarise', kind: 'agent', agentId: '${input.agentId}', prompt: '${input.changelog}', next: 'check' },
      {
        id: 'check',
        kind: 'validation',
        scoringModelId: '${input.scoringModelId}',
        content: '${steps.summarise.text}',
        next: 'tell',
      },
      { id: 'tell', kind: 'notification', templateId: '${input.templateId}', next: 'last' },
    ],
  },
  {
    name: 'parallel',
    steps: [
      {
        id: 'fan',
        kind: 'parallel',
        branches: [
          { name: 'left', steps: [record('left')] },
          { name: 'right', steps: [record('right', { next: 'right_last' }), record('right_last')] },
        ],
        next: 'last',
      },
    ],
  },
  {
    name: 'two-of-three',
    steps: [
      {
        id: 'fan',
        kind: 'parallel',
        join: 2,
        branches: [
          { name: 'one', steps: [record('one')] },
          { name: 'two', steps: [record('two')] },
          { name: 'never', steps: [{ id: 'rest', kind: 'wait', duration: 'PT1H' }] },
        ],
        next: 'last',
      },
    ],
  },
  {
    name: 'map',
    steps: [{ id: 'each', kind: 'map', items: '${[1, 2, 3]}', steps: [record('item')], next: 'last' }],
  },
  {
    name: 'map-continued',
    steps: [
      {
        id: 'each',
        kind: 'map',
        items: `\${[${Array.from({ length: 24 }, (_, index) => index).join(', ')}]}`,
        maxConcurrency: 2,
        steps: [
          { id: 'ask', kind: 'agent', agentId: '${input.agentId}', prompt: '${item}', next: 'item' },
          record('item'),
        ],
        next: 'last',
      },
    ],
    histories: 2,
  },
  {
    name: 'waiting',
    steps: [
      { id: 'rest', kind: 'wait', duration: 300, next: 'until' },
      { id: 'until', kind: 'wait', until: "${timestamp(steps.rest.output.until) + duration('0.3s')}", next: 'last' },
    ],
  },
  {
    name: 'signalled',
    steps: [{ id: 'hear', kind: 'wait', signal: 'word', next: 'last' }],
    meanwhile: (id) => fleet.instances.signalInstance({ id, name: 'word', payload: { said: true } }),
  },
  {
    name: 'event-came',
    steps: [awaitEvent],
    meanwhile: tellOf,
  },
  {
    name: 'event-missed',
    steps: [{ ...awaitEvent, expiresInMs: 300, onExpiry: 'continue' }],
  },
  {
    name: 'approved',
    steps: [
      { id: 'ask', kind: 'approval', title: 'Go on?', approvers: { permission: 'approvals:decide' }, next: 'last' },
    ],
    meanwhile: decide(Verdict.APPROVE),
  },
  {
    name: 'rejected',
    steps: [
      {
        id: 'ask',
        kind: 'approval',
        title: 'Go on?',
        approvers: { permission: 'approvals:decide' },
        onReject: 'last',
        next: 'last',
      },
    ],
    meanwhile: decide(Verdict.REJECT),
  },
  {
    name: 'rolled-back',
    steps: [
      record('safe', { savepoint: 'safe', next: 'undone' }),
      record('undone', { next: 'refused' }),
      refused('refused', { onError: { next: 'last', rollbackTo: 'safe' } }),
    ],
  },
];

function decide(verdict: Verdict) {
  return async (instanceId: string) => {
    const approval = await eventually(async () => {
      const [found] = (await fleet.approvals.listApprovals({ instanceId })).approvals;
      if (found === undefined) throw new Error('Nobody is asked yet.');
      return found;
    });
    await fleet.approvals.decideApproval({ id: approval.id, verdict });
  };
}

const goals = ['completed', 'compensated'] as const;

/** The run goes through its shape and completes, or fails after all of it and takes everything back. */
function define(steps: readonly JsonObject[], goal: (typeof goals)[number]): JsonObject {
  const next = String(steps[0]?.['id']);
  const last = { id: 'last', kind: 'decision', cases: [{ when: String(goal !== 'completed'), next: '$fail' }] };
  return { driver: 'temporal', steps: [record('first', { next }), ...steps, { ...last, default: { next: '$end' } }] };
}

async function finish(id: string, goal: (typeof goals)[number]): Promise<void> {
  const ends =
    goal === 'completed'
      ? { status: InstanceStatus.COMPLETED }
      : {
          status: InstanceStatus.FAILED,
          compensation: CompensationState.COMPLETE,
          errorReason: 'ROUTED_TO_FAILURE',
        };
  expect(await fleet.ended(id)).toMatchObject(ends);
}

async function checkHistories(name: string, id: string, atLeast: number): Promise<void> {
  const found = await histories.of(id);
  expect(found.length).toBeGreaterThanOrEqual(atLeast);
  for (const [index, history] of found.entries()) {
    await checkHistory(`${name}${index === 0 ? '' : `-${index + 1}`}`, id, history);
  }
}

test.each(shapes.flatMap((shape) => goals.map((goal) => ({ ...shape, goal }))))(
  'the history of a run that is $name and $goal holds ids only, and can be replayed',
  async ({ name, goal, steps, mood, meanwhile, histories: atLeast = 1 }) => {
    if (mood !== undefined) await fleet.tracker.mood(mood);
    const id = await fleet.start(await fleet.activate(define(steps, goal)));
    await meanwhile?.(id);
    await finish(id, goal);
    await checkHistories(`${name}-${goal}`, id, atLeast);
  },
);

test.each(goals)('so do those of a run inside of another that is %s', async (goal) => {
  const child = await fleet.activate(define([record('second', { next: 'last' })], 'completed'));
  const inside = { id: 'inside', kind: 'workflow', workflowId: child, input: wholeInput, next: 'last' };
  const id = await fleet.start(await fleet.activate(define([inside], goal)));
  await finish(id, goal);
  const [inner] = (await fleet.instances.listInstances({ parentInstanceId: id })).instances;
  if (inner === undefined) throw new Error('It has started no run.');
  await checkHistories(`outer-${goal}`, id, 1);
  await checkHistories(`inner-${goal}`, inner.id, 1);
});

/** The input of the inner workflow, each field as the outer one was given it. */
const wholeInput: JsonObject = { tracker: '${input.tracker}' };

test('every shape and both outcomes are among the recorded histories', () => {
  const names = [...shapes.map(({ name }) => name), 'outer', 'inner'];
  const wanted = names.flatMap((name) => goals.map((goal) => `${name}-${goal}.json`));
  expect(readdirSync(recordings)).toEqual(expect.arrayContaining(wanted));
});
