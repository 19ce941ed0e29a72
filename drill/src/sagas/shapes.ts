/** A JSON object. */
type Json = Record<string, unknown>;

/** How runs of a shape may be made to fail, and what they go through. */
export interface Shape {
  readonly name: string;
  readonly definition: Json;
  /** Ids of the steps before which a run can be made to fail, by the input `failAt`. */
  readonly failable: readonly [string, ...string[]];
  /** Waits for somebody's approval. */
  readonly approval?: true;
}

const undo = { method: 'POST', url: '${input.target}/undo', body: { key: '${effect.key}' } };
/** Faults of the fleet must not look like refusals: a target that is away for a minute is asked on. */
const patient = { retry: { maxAttempts: 10, initialIntervalMs: 500, maxIntervalMs: 10_000 }, timeoutMs: 4000 };

/** A record is opened at the target, one for each run and title. Where the run shall fail here, the target refuses for good. */
function effect(id: string, next: string | undefined, title = id): Json {
  return {
    id,
    kind: 'http',
    url: `\${input.target}\${input.failAt == '${id}' ? '/records/none/publish' : '/records'}`,
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

const think = (next: string): Json => ({
  id: 'think',
  kind: 'agent',
  agentSlug: 'drill',
  prompt: 'Say where ${run.id} stands.',
  ...patient,
  timeoutMs: 15_000,
  next,
});

const straight: Shape = {
  name: 'straight',
  failable: ['first', 'second', 'third'],
  definition: {
    input,
    steps: [
      effect('first', 'think'),
      think('second'),
      effect('second', 'tell'),
      {
        id: 'tell',
        kind: 'notification',
        templateName: 'drill',
        variables: { run: '${run.id}' },
        ...patient,
        next: 'third',
      },
      effect('third', '$end'),
    ],
  },
};

/** Fails by its own decision, after everything was done. */
const regretted: Shape = {
  name: 'regretted',
  failable: ['decide'],
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
  failable: ['left', 'right_last', 'after'],
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
        steps: [effect('each_item', '$end', 'item ${item}')],
        next: 'last',
      },
      effect('last', '$end'),
    ],
  },
};

/** Waits for a time and for somebody's word. */
const approval: Shape = {
  name: 'approval',
  failable: ['prepare', 'publish'],
  approval: true,
  definition: {
    input,
    steps: [
      effect('prepare', 'rest'),
      { id: 'rest', kind: 'wait', duration: 300, next: 'ask' },
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

/** Runs another run inside, which has reached its goal when this one fails. */
const nested: Shape = {
  name: 'nested',
  failable: ['around', 'afterwards'],
  definition: {
    input,
    steps: [
      effect('around', 'inside'),
      {
        id: 'inside',
        kind: 'workflow',
        workflowSlug: 'drill-regretted',
        input: { target: '${input.target}', failAt: '' },
        next: 'afterwards',
      },
      effect('afterwards', '$end'),
    ],
  },
};

/** In this order they are made: what is run inside of another comes before it. */
export const shapes: readonly [Shape, ...Shape[]] = [straight, regretted, parallel, map, approval, nested];
