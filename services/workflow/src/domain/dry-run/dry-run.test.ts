import fc from 'fast-check';
import { expect, test } from 'vitest';
import { anyDefinition, createDice } from '../../../test/any-definition.ts';
import { releaseWatch } from '../../../test/release-watch.ts';
import { definitionOf, simulate } from '../../../test/simulate.ts';
import type { JsonObject } from '../json.ts';
import { type Assumption, dryRun } from './dry-run.ts';
import { reportOf } from './report.ts';

const now = new Date('2026-11-26T00:00:00Z');
const run = { workflowId: 'workflow-1', workflowSlug: 'watch', workflowVersion: 1, startedBy: 'user-1' };
const leaves = (step: string, facts: JsonObject, visit = 0): Assumption => ({ step, visit, outcome: { facts } });
const fails = (step: string, reason: string): Assumption => ({
  step,
  visit: 0,
  outcome: { failed: { reason, message: reason } },
});

const goThrough = (json: JsonObject, assumptions: Assumption[] = [], input: JsonObject = {}) =>
  reportOf(dryRun(definitionOf(json), { input, run, assumptions, now }));
const tried = (json: JsonObject, assumptions: Assumption[] = [], input: JsonObject = {}) => {
  const report = goThrough(json, assumptions, input);
  return { ...report, ways: report.steps.map(({ path, visit, next }) => `${path}#${visit} → ${next}`) };
};

const watchInput = {
  package: 'valkey',
  changelog: 'Fixes CVE-2026-1.',
  tracker: 'http://tracker',
  agentId: 'agent-1',
  scoringModelId: 'model-1',
  templateId: 'template-1',
};

test('what an answer decides is undecided; what is known is evaluated, the rest shows its expression', () => {
  const report = tried(releaseWatch(), [], watchInput);
  expect(report).toMatchObject({ outcome: 'undecided', output: undefined, undos: [], problems: [] });
  const [open, summarise, check] = report.steps;
  expect(report.ways).toEqual(['open#1 → summarise', 'summarise#1 → check', 'check#1 → ']);
  expect(open).toMatchObject({
    status: 'completed',
    basis: 'unknown',
    input: { url: 'http://tracker/records', body: { title: 'Release of valkey', runId: '${run.id}' } },
    unknownInput: ['/body/runId'],
    output: { status: '${steps.open.output.status}', body: '${steps.open.output.body}' },
    unknownOutput: ['/status', '/body'],
    undo: { body: { key: '${effect.key}' } },
  });
  expect(summarise).toMatchObject({ basis: 'unknown', unknownInput: [], unknownOutput: [''] });
  expect(check).toMatchObject({
    status: 'undecided',
    input: { content: '${steps.summarise.text}', context: { input: 'Fixes CVE-2026-1.' } },
    unknownInput: ['/content', '/output'],
    alternatives: ['summarise', 'route'],
  });
  expect(report.undecidedSteps).toEqual(['route', 'publish', 'publish_review', 'notify']);
  expect(report.stepsNotReached).toEqual([]);
});

test('with its answers assumed a dry run takes the steps that a run takes', () => {
  const facts: Record<string, JsonObject> = {
    'open#1': { output: { status: 201, body: { id: 7 } } },
    'summarise#1': { output: { severity: 'low' }, text: 'x', executionId: 'e' },
    'check#1': { output: { outcome: 'failed' }, findings: ['bad'] },
    'summarise#2': { output: { severity: 'high' }, text: 'x', executionId: 'e' },
    'check#2': { output: { outcome: 'warning' }, findings: [] },
    'publish_review#1': { output: { status: 200, body: null } },
    'notify#1': { output: { notificationId: 'n' } },
  };
  const assumptions = Object.entries(facts).map(([key, known]) => {
    const [step = '', visit] = key.split('#');
    return leaves(step, known, Number(visit));
  });
  const report = tried(releaseWatch(), assumptions, watchInput);
  const real = simulate(
    definitionOf(releaseWatch()),
    watchInput,
    ({ path, visit }) => facts[`${path}#${visit}`] ?? 'NOT_SAID',
  );
  const started = real.journal.flatMap((entry) =>
    entry.kind === 'step_started' ? [`${entry.path}#${entry.visit}`] : [],
  );
  expect(report.steps.map(({ path, visit }) => `${path}#${visit}`)).toEqual(started);
  expect(report).toMatchObject({ outcome: 'completed', stepsNotReached: ['publish'], undecidedSteps: [] });
  expect(report.output).toEqual(real.state.output);
  const route = report.steps.find(({ stepId }) => stepId === 'route');
  expect(route).toMatchObject({
    basis: 'evaluated',
    next: 'publish_review',
    expressions: [{ pointer: '/steps/3/cases/0/when', value: true }],
  });
  expect(report.steps.at(-2)?.input).toMatchObject({ url: 'http://tracker/records/7/publish' });
});

const ask = { id: 'ask', kind: 'agent', agentSlug: 'a', prompt: 'x' };
const give = (id: string, value: unknown = 1): JsonObject => ({ id, kind: 'transform', value: value as never });

test('of a decision that is undecided only the cases are left that do not fail', () => {
  const steps = [
    { ...ask, next: 'route' },
    {
      id: 'route',
      kind: 'decision',
      cases: [
        { when: 'input.n > 5', next: 'never' },
        { when: "steps.ask.output == 'yes'", next: 'yes' },
        { when: 'true', next: '$fail' },
      ],
      default: { next: '$end' },
    },
    give('never'),
    give('yes'),
  ];
  const report = tried({ steps }, [], { n: 1 });
  expect(report.steps[1]).toMatchObject({ alternatives: ['yes', '$fail', '$end'], next: '' });
  expect(report.steps[1]?.expressions).toEqual([
    { pointer: '/steps/1/cases/0/when', text: 'input.n > 5', value: false },
    { pointer: '/steps/1/cases/1/when', text: "steps.ask.output == 'yes'", value: undefined },
  ]);
  expect(report).toMatchObject({ undecidedSteps: ['yes'], stepsNotReached: ['never'] });
  const decided = tried({ steps }, [leaves('route', { output: { case: 2 } })], { n: 1 });
  expect(decided).toMatchObject({ outcome: 'failed', error: { path: 'route' } });
  expect(tried({ steps }, [leaves('ask', { output: 'yes' })], { n: 1 }).ways.at(-1)).toBe('yes#1 → $end');
});

test('a value that holds something unknown is known in its other parts', () => {
  const steps = [
    { ...ask, next: 'make' },
    { ...give('make', { a: '${steps.ask.output.x}', b: 'Said: ${steps.ask.text}', c: '${input.n}' }), next: 'use' },
    give('use', { c: '${steps.make.output.c + 1}', b: '${steps.make.output.b}', all: '${steps.make.output}' }),
  ];
  const { steps: taken, outcome } = tried({ steps }, [], { n: 1 });
  expect(outcome).toBe('completed');
  expect(taken[1]?.output).toEqual({ a: '${steps.ask.output.x}', b: 'Said: ${steps.ask.text}', c: 1 });
  expect(taken[2]).toMatchObject({ output: { c: 2 }, unknownOutput: ['/b', '/all'] });
});

test('branches and items are gone through; of a list that nobody knows, one item', () => {
  const each = (items: unknown): JsonObject => ({
    id: 'each',
    kind: 'map',
    items: items as never,
    steps: [give('double', '${item * 2}')],
  });
  const fan = {
    id: 'fan',
    kind: 'parallel',
    join: 'any',
    branches: [
      { name: 'left', steps: [{ ...ask, id: 'l' }] },
      { name: 'right', steps: [give('r')] },
    ],
    next: 'after',
  };
  const known = tried({ steps: [each('${input.list}')] }, [], { list: [1, 2] });
  expect(known).toMatchObject({ outcome: 'completed' });
  expect(known.ways).toEqual(['each#1 → $end', 'each[0]/double#1 → $end', 'each[1]/double#1 → $end']);
  expect(known.steps[0]).toMatchObject({ output: [2, 4], unknownOutput: [] });
  const unknown = tried({ steps: [{ ...ask, next: 'each' }, each('${steps.ask.output.list}')] });
  expect(unknown.ways).toEqual(['ask#1 → each', 'each#1 → $end', 'each[0]/double#1 → $end']);
  expect(unknown.steps[1]).toMatchObject({ output: '${steps.each.output}', unknownOutput: [''] });
  // Which branch comes first nobody knows.
  const joined = tried({ steps: [fan, give('after', '${steps.fan.output}')] });
  expect(joined.ways).toEqual(['fan#1 → after', 'fan[left]/l#1 → $end', 'fan[right]/r#1 → $end', 'after#1 → $end']);
  expect(joined.steps.at(-1)).toMatchObject({ unknownOutput: [''] });
});

test('of a join of some branches the undos of all are shown, for those that are not needed', () => {
  const effect = (id: string): JsonObject => ({
    ...{ id, kind: 'http', url: 'http://x' },
    undo: { url: `http://undo/${id}`, body: '${effect.key}' },
  });
  const fan = (join: string | number): JsonObject => ({
    ...{ id: 'fan', kind: 'parallel', join, next: 'last' },
    branches: ['left', 'right'].map((name) => ({ name, steps: [effect(name)] })),
  });
  const undosOf = (join: string | number, assumptions: Assumption[] = []) =>
    tried(
      {
        steps: [effect('first'), fan(join), give('last')].map((step, at) =>
          at === 0 ? { ...step, next: 'fan' } : step,
        ),
      },
      assumptions,
    ).undos.map(({ path, block, input }) => [path, block, (input as JsonObject)['url']]);
  expect(undosOf('any')).toEqual([
    ['fan[right]/right', 'fan', 'http://undo/right'],
    ['fan[left]/left', 'fan', 'http://undo/left'],
  ]);
  expect(undosOf(2)).toEqual([]);
  expect(undosOf('any', [fails('last', 'NO')])).toEqual([
    ['fan[right]/right', '', 'http://undo/right'],
    ['fan[left]/left', '', 'http://undo/left'],
    ['first', '', 'http://undo/first'],
  ]);
});

test('an approval is nobody’s to foresee, and does not expire meanwhile; the branch beside it goes on', () => {
  const approve = { id: 'approve', kind: 'approval', title: 't', approvers: { permission: 'approvals:decide' } };
  const steps = [
    {
      id: 'fan',
      kind: 'parallel',
      branches: [
        { name: 'left', steps: [{ ...approve, expiresInMs: 1000 }] },
        {
          name: 'right',
          steps: [
            { id: 'sleep', kind: 'wait', duration: 'PT1H', next: 'after' },
            give('after', '${steps.sleep.output.until}'),
          ],
        },
      ],
      next: 'end',
    },
    give('end'),
  ];
  const report = tried({ steps });
  expect(report).toMatchObject({ outcome: 'undecided', undecidedSteps: ['end'], stepsNotReached: [] });
  expect(report.steps.find(({ stepId }) => stepId === 'after')).toMatchObject({ output: '2026-11-26T01:00:00.000Z' });
  const approved = tried({ steps }, [leaves('approve', { decision: 'approved' })]);
  expect(approved).toMatchObject({ outcome: 'completed' });
  expect(tried({ steps }, [leaves('approve', { decision: 'rejected' })])).toMatchObject({
    outcome: 'failed',
    error: { reason: 'APPROVAL_REJECTED' },
  });
  expect(tried({ steps, timeoutMs: 60_000 })).toMatchObject({ outcome: 'failed', error: { reason: 'RUN_TIMED_OUT' } });
});

test('a failure that is assumed shows the undos, the latest effect first; one that is caught goes on', () => {
  const effect = (id: string, next = '$end'): JsonObject => ({
    ...{ id, kind: 'http', url: 'http://x', next },
    undo: { url: `http://undo/${id}`, body: '${effect.key}' },
  });
  const steps = [effect('one', 'two'), effect('two', 'three'), { ...give('three', '${1 / input.n}') }];
  const report = tried({ steps }, [], { n: 0 });
  expect(report).toMatchObject({
    outcome: 'failed',
    error: { reason: 'EXPRESSION_FAILED', path: 'three' },
    problems: [{ pointer: '/steps/2/value', reason: 'EXPRESSION_FAILED' }],
  });
  expect(report.undos.map(({ path, input }) => [path, (input as JsonObject)['url']])).toEqual([
    ['two', 'http://undo/two'],
    ['one', 'http://undo/one'],
  ]);
  const caught = { ...effect('two', 'three'), onError: { next: '$end' } };
  expect(tried({ steps: [steps[0] as JsonObject, caught, give('three')] }, [fails('two', 'NO')])).toMatchObject({
    outcome: 'completed',
    ways: ['one#1 → two', 'two#1 → $end'],
    stepsNotReached: ['three'],
  });
});

test('a dry run has an end', () => {
  const steps = [{ id: 'each', kind: 'map', items: '${input.list}', steps: [give('one')] }];
  const report = tried({ steps }, [], { list: Array.from({ length: 5000 }, (_, index) => index) });
  expect(report.outcome).toBe('truncated');
  expect(report.steps.length).toBeLessThan(2000);
});

test('whatever is nested and whatever fails, a dry run that is told so goes the way of a run', () => {
  let failed = 0;
  fc.assert(
    fc.property(fc.array(fc.nat(59), { minLength: 20, maxLength: 80 }), (tape) => {
      const roll = createDice(tape);
      const json = anyDefinition(roll, 'all');
      const assumed = new Map<string, JsonObject | string>();
      const real = simulate(definitionOf(json), {}, ({ type, path }) => {
        if (type === 'undo') return {};
        const outcome = roll(6) === 0 ? 'REFUSED' : { output: { status: 200, body: path } };
        assumed.set(path, outcome);
        return outcome;
      });
      const assumptions = [...assumed].map(([path, outcome]) =>
        typeof outcome === 'string' ? fails(path, outcome) : leaves(path, outcome),
      );
      const dry = dryRun(definitionOf(json), { input: {}, run, assumptions, now });
      const wayOf = (journal: typeof real.journal) =>
        journal.map((entry) => `${entry.kind} ${'path' in entry ? entry.path : ''}`);
      expect(wayOf(dry.journal)).toEqual(wayOf(real.journal));
      if (real.state.failing !== undefined) failed += 1;
    }),
    { seed: 13, numRuns: 100 },
  );
  expect(failed).toBeGreaterThan(20);
});
