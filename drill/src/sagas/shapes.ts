import { refusalWord } from './provider.ts';

/** A JSON object. */
type Json = Record<string, unknown>;

/** What maps go through. */
export const items = ['a', 'b', 'c', 'd', 'e'];
export const callsAtOnce = items.length;

/** How runs of a shape may be made to fail, and what they go through. */
export interface Shape {
  readonly name: string;
  readonly definition: Json;
  /** Ids of the steps at which a run can be made to fail, by the input `failAt`: every one of them. */
  readonly failable: readonly [string, ...string[]];
  /** Waits for somebody's approval. */
  readonly approval?: true;
  /** May also fail for this reason. */
  readonly mayFailFor?: string;
}

const undo = { method: 'POST', url: '${input.target}/undo', body: { key: '${effect.key}' } };
/** Faults of the fleet must not look like refusals: a target that is away for a minute is asked on. */
const patient = { retry: { maxAttempts: 10, initialIntervalMs: 500, maxIntervalMs: 10_000 }, timeoutMs: 4000 };

/** A record is opened at the target, one for each run and title. Where the run shall fail here, the target refuses for good. */
function effect(id: string, next: string | undefined, title = id, when = `input.failAt == '${id}'`): Json {
  return {
    id,
    kind: 'http',
    url: `\${input.target}\${${when} ? '/records/none/publish' : '/records'}`,
    body: { runId: '${run.id}', title, label: 'none' },
    undo,
    ...patient,
    ...(next === undefined ? {} : { next }),
  };
}

const input = {
  schema: {
    type: 'object',
    required: ['target', 'failAt'],
    properties: { target: { type: 'string' }, failAt: { type: 'string' }, items: { type: 'array' } },
  },
};

const think = (next: string, id = 'think', agentSlug = 'drill'): Json => ({
  id,
  kind: 'agent',
  agentSlug,
  prompt: `Say where \${run.id} stands.\${input.failAt == '${id}' ? ' ${refusalWord}' : ''}`,
  ...patient,
  timeoutMs: 15_000,
  next,
});

const straight: Shape = {
  name: 'straight',
  failable: ['first', 'think', 'second', 'tell', 'third'],
  definition: {
    input,
    steps: [
      effect('first', 'think'),
      think('second'),
      effect('second', 'tell'),
      {
        id: 'tell',
        kind: 'notification',
        templateName: "${input.failAt == 'tell' ? 'none' : 'drill'}",
        variables: { run: '${run.id}' },
        ...patient,
        next: 'third',
      },
      effect('third', '$end'),
    ],
  },
};

/** May fail by its own decision, after everything was done. */
const regretted: Shape = {
  name: 'regretted',
  failable: ['first', 'second', 'decide'],
  definition: {
    input,
    steps: [
      effect('first', 'second'),
      effect('second', 'decide'),
      {
        id: 'decide',
        kind: 'decision',
        cases: [{ when: "input.failAt == 'decide'", next: '$fail' }],
        default: { next: '$end' },
      },
    ],
  },
};

/** Three branches at once, then one more effect: what some branches did is undone when another fails. */
const parallel: Shape = {
  name: 'parallel',
  failable: ['before', 'left', 'think', 'middle', 'right', 'right_last', 'after'],
  definition: {
    input,
    steps: [
      effect('before', 'fan'),
      {
        id: 'fan',
        kind: 'parallel',
        branches: [
          { name: 'left', steps: [effect('left', '$end')] },
          { name: 'middle', steps: [think('middle'), effect('middle', '$end')] },
          { name: 'right', steps: [effect('right', 'right_last'), effect('right_last', '$end')] },
        ],
        next: 'after',
      },
      effect('after', '$end'),
    ],
  },
};

/** An effect for each of five items, two at a time. */
const map: Shape = {
  name: 'map',
  failable: ['each_item', 'last'],
  definition: {
    input,
    steps: [
      {
        id: 'each',
        kind: 'map',
        items: '${input.items}',
        maxConcurrency: 2,
        steps: [effect('each_item', '$end', 'item ${item}', "input.failAt == 'each_item' && item == 'c'")],
        next: 'last',
      },
      effect('last', '$end'),
    ],
  },
};

/** Waits for a time and for somebody's word. */
const approval: Shape = {
  name: 'approval',
  failable: ['prepare', 'rest', 'ask', 'publish'],
  approval: true,
  definition: {
    input,
    steps: [
      effect('prepare', 'rest'),
      { id: 'rest', kind: 'wait', duration: "${input.failAt == 'rest' ? 'no duration' : 'PT0.3S'}", next: 'ask' },
      {
        id: 'ask',
        kind: 'approval',
        title: 'Go on with ${run.id}?',
        approvers: { permission: 'approvals:decide' },
        next: 'publish',
      },
      effect('publish', '$end'),
    ],
  },
};

/** Runs another run inside, which may fail, or has reached its goal when this one fails. */
const nested: Shape = {
  name: 'nested',
  failable: ['around', 'inside', 'afterwards'],
  definition: {
    input,
    steps: [
      effect('around', 'inside'),
      {
        id: 'inside',
        kind: 'workflow',
        workflowSlug: 'drill-regretted',
        input: { target: '${input.target}', failAt: "${input.failAt == 'inside' ? 'decide' : ''}" },
        next: 'afterwards',
      },
      effect('afterwards', '$end'),
    ],
  },
};

/** Asks an agent about every item at once. */
const askOften = (id: string, agentSlug: string, next: string): Json => ({
  id: `each_${id}`,
  kind: 'map',
  items: '${input.items}',
  maxConcurrency: callsAtOnce,
  steps: [think('$end', id, agentSlug)],
  next,
});

/** Asks two agents whose budgets are used up during the drill, one counted in tokens and one in money. */
const budgeted: Shape = {
  name: 'budgeted',
  failable: ['first', 'frugal', 'second', 'dear', 'third'],
  mayFailFor: 'BUDGET_EXCEEDED',
  definition: {
    input,
    steps: [
      effect('first', 'each_frugal'),
      askOften('frugal', 'drill-frugal', 'second'),
      effect('second', 'each_dear'),
      askOften('dear', 'drill-dear', 'third'),
      effect('third', '$end'),
    ],
  },
};

/** Runs of every kind are drawn from these. In this order they are made: what is run inside of another comes before it. */
export const shapes: readonly [Shape, ...Shape[]] = [straight, regretted, parallel, map, approval, nested, budgeted];

/** The shape that goes to the model provider as its second step. */
export const thinkingShape = straight;

/** For a driver that is paused in the middle of a step: the target takes seconds to answer, and the step would wait for a minute. Input `restMs`. */
export const heldShape: Shape = {
  name: 'held',
  failable: ['held', 'next'],
  definition: {
    input,
    driver: 'temporal',
    steps: [
      // Time to tell the target about the run.
      { id: 'rest', kind: 'wait', duration: '${input.restMs}', next: 'held' },
      { ...effect('held', 'next'), timeoutMs: 60_000 },
      effect('next', '$end'),
    ],
  },
};
