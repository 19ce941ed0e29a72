/** A JSON object. */
type Json = Record<string, unknown>;

/** How runs of a shape may be made to fail, and what they go through. */
export interface Shape {
  readonly name: string;
  readonly definition: Json;
  /** Ids of the steps before which a run can be made to fail, by the input `failAt`. */
  readonly failable: readonly [string, ...string[]];
  /** Started by other shapes only. */
  readonly inner?: true;
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

export const shapes: readonly [Shape, ...Shape[]] = [straight, regretted];
