import fc from 'fast-check';
import { expect, test } from 'vitest';
import { releaseWatch } from '../../test/release-watch.ts';
import { definitionOf, simulate, type World } from '../../test/simulate.ts';
import { interpret } from './interpret.ts';
import type { JsonObject } from './json.ts';
import { compensationOf, foldJournal, statusOf } from './run-state.ts';

const definition = definitionOf(releaseWatch());
const input: JsonObject = {
  package: 'valkey',
  changelog: 'fixes CVE-2026-1',
  tracker: 'http://t',
  agentId: 'a',
  scoringModelId: 'm',
  templateId: 't',
};

const verdict = (outcome: string): JsonObject => ({
  output: { outcome, score: 1, failedRules: [], findings: ['too short'] },
  findings: ['too short'],
});
const good: Record<string, JsonObject> = {
  open: { output: { status: 201, body: { id: 'r1' } } },
  summarise: { output: { severity: 'high' }, text: '{"severity":"high"}' },
  check: verdict('passed'),
  publish: { output: { status: 200, body: {} } },
  publish_review: { output: { status: 200, body: {} } },
  notify: { output: { notificationId: 'n' } },
};
/** Answers well but for what is listed, by `step id#visit` or `undo id#visit`. */
const world =
  (answers: Record<string, JsonObject | string> = {}): World =>
  (action) =>
    answers[`${action.type === 'undo' ? 'undo ' : ''}${action.stepId}#${action.visit}`] ??
    (action.type === 'undo' ? {} : (good[action.stepId] ?? {}));

test('a run that goes well does each step once and undoes nothing', () => {
  const { performed, state, journal } = simulate(definition, input, world());
  expect(performed).toEqual(['step open#1', 'step summarise#1', 'step check#1', 'step publish#1', 'step notify#1']);
  expect([statusOf(state), compensationOf(state)]).toEqual(['completed', 'none']);
  expect(journal.at(-1)).toMatchObject({ kind: 'instance_completed', output: { severity: 'high', record: 'r1' } });
});

test('the undo of an effect is in the journal before the effect is asked for', () => {
  const { journal } = simulate(definition, input, world(), { moves: 1 });
  expect(journal.find((entry) => entry.kind === 'step_started')).toMatchObject({
    effectKey: 'run-1/open#1/do',
    input: { url: 'http://t/records', body: { title: 'Release of valkey' } },
    undo: { effectKey: 'run-1/open#1/undo', request: { url: 'http://t/undo', body: { key: 'run-1/open#1/do' } } },
  });
});

test('a failed verdict asks the agent again with the findings, under a new effect key', () => {
  const { performed, journal, state } = simulate(definition, input, world({ 'check#1': verdict('failed') }));
  expect(performed).toEqual([
    'step open#1',
    'step summarise#1',
    'step check#1',
    'step summarise#2',
    'step check#2',
    'step publish#1',
    'step notify#1',
  ]);
  const asked = journal.filter((entry) => entry.kind === 'step_started' && entry.stepId === 'summarise');
  expect(asked).toMatchObject([{ effectKey: 'run-1/summarise#1/do' }, { effectKey: 'run-1/summarise#2/do' }]);
  expect(asked[1]).toMatchObject({ input: { prompt: expect.stringContaining('["too short"]') } });
  expect(statusOf(state)).toBe('completed');
});

test('a verdict that stays bad fails the run, and what was done is undone', () => {
  const { performed, state } = simulate(
    definition,
    input,
    world({ 'check#1': verdict('failed'), 'check#2': verdict('failed') }),
  );
  expect(performed.slice(-1)).toEqual(['undo open#1']);
  expect(state.failing).toMatchObject({ failure: 'failed', reason: 'VALIDATION_FAILED', path: 'check' });
  expect([statusOf(state), compensationOf(state)]).toEqual(['failed', 'complete']);
});

test('a warning takes the way that the decision names', () => {
  const { performed } = simulate(definition, input, world({ 'check#1': verdict('warning') }));
  expect(performed).toContain('step publish_review#1');
  expect(performed).not.toContain('step publish#1');
});

test('a refused effect is undone too, for nobody knows what its attempts did; order is reversed', () => {
  const { performed, state } = simulate(definition, input, world({ 'publish#1': 'HTTP_STATUS' }));
  expect(performed.slice(-2)).toEqual(['undo publish#1', 'undo open#1']);
  expect(state.failing).toMatchObject({ reason: 'HTTP_STATUS', path: 'publish' });
});

test('an undo that is stuck does not keep the rest from being undone, and is tried on after the run has ended', () => {
  let tries = 0;
  const answers = world({ 'notify#1': 'NOTIFICATION_REFUSED' });
  const stubborn: World = (action) =>
    action.type === 'undo' && action.stepId === 'publish' && ++tries < 3 ? 'HTTP_STATUS' : answers(action);
  const stopped = simulate(definition, input, stubborn, { moves: 9 });
  expect(compensationOf(stopped.state)).toBe('stuck');
  expect(stopped.performed.slice(-4, -1)).toEqual(['undo notify#1', 'undo publish#1', 'undo open#1']);
  tries = 0;
  const { journal, state, performed } = simulate(definition, input, stubborn);
  expect(performed.slice(-2)).toEqual(['undo publish#1', 'undo publish#1']);
  expect(journal.slice(-4).map(({ kind }) => kind)).toEqual([
    'instance_failed',
    'undo_failed',
    'undo_completed',
    'compensation_completed',
  ]);
  expect(compensationOf(state)).toBe('complete');
});

test('an expression that does not suit the values fails its step with a reason, before anything is asked', () => {
  const { performed, state } = simulate(definition, input, world({ 'open#1': { output: { status: 201, body: {} } } }));
  expect(performed).toEqual(['step open#1', 'step summarise#1', 'step check#1', 'undo open#1']);
  expect(state.failing).toMatchObject({ reason: 'EXPRESSION_FAILED', path: 'publish' });
});

test('a cancelled run undoes what it did', () => {
  const started = simulate(definition, input, world(), { moves: 2 }).journal;
  const journal = [
    ...started,
    { kind: 'cancel_requested', reason: 'enough', requestedBy: 'u', occurredAt: '2026-11-23T00:00:01Z' } as const,
  ];
  const { entries, actions } = interpret(definition, runFacts, foldJournal(journal), new Date('2026-11-23T00:00:01Z'));
  expect(entries).toMatchObject([
    { kind: 'instance_failing', failure: 'cancelled', reason: 'CANCELLED' },
    { kind: 'undo_started', stepId: 'open' },
  ]);
  expect(actions).toMatchObject([{ type: 'undo', stepId: 'open' }]);
});

test('a run that takes longer than its workflow allows times out, and a step never gets more time than the run has', () => {
  const limited = definitionOf({ ...releaseWatch(), timeoutMs: 10_000 });
  let clock = Date.parse('2026-11-23T00:00:00Z');
  const slow: World = (action) => {
    clock += 4000;
    return world()(action);
  };
  const { state, performed } = simulate(limited, input, slow, { at: () => new Date(clock) });
  expect(performed).toEqual(['step open#1', 'step summarise#1', 'step check#1', 'undo open#1']);
  expect([statusOf(state), state.failing?.reason]).toEqual(['timeout', 'RUN_TIMED_OUT']);
  const begun = foldJournal([{ kind: 'instance_started', input, occurredAt: '2026-11-23T00:00:00Z' }]);
  const { actions } = interpret(limited, runFacts, begun, new Date('2026-11-23T00:00:08Z'));
  expect(actions).toMatchObject([
    { type: 'step', timeoutMs: 2000 },
    { type: 'wait', until: '2026-11-23T00:00:10.000Z' },
  ]);
});

test('a run that is cancelled or out of time gives up the step under way', () => {
  const limited = definitionOf({ ...releaseWatch(), timeoutMs: 10_000 });
  const { journal } = simulate(limited, input, world(), { moves: 1 });
  const open = journal.slice(0, 2);
  const late = interpret(limited, runFacts, foldJournal(open), new Date('2026-11-23T00:00:10Z'));
  expect(late.entries.map(({ kind }) => kind)).toEqual(['step_failed', 'instance_failing', 'undo_started']);
  expect(late.state.failing).toMatchObject({ failure: 'timeout', reason: 'RUN_TIMED_OUT' });
  const occurredAt = '2026-11-23T00:00:01Z';
  const cancel = { kind: 'cancel_requested', reason: 'enough', requestedBy: 'u', occurredAt } as const;
  const cancelled = interpret(limited, runFacts, foldJournal([...open, cancel]), new Date(occurredAt));
  expect(cancelled.entries).toMatchObject([
    { kind: 'step_failed', path: 'open', reason: 'CANCELLED' },
    { kind: 'instance_failing', failure: 'cancelled' },
    { kind: 'undo_started', path: 'open' },
  ]);
});

test('what is under way is answered again, with nothing new to write', () => {
  const { journal } = simulate(definition, input, world(), { moves: 1 });
  const open = journal.slice(0, 2);
  const again = interpret(definition, runFacts, foldJournal(open), new Date('2026-11-23T00:00:05Z'));
  expect(again.entries).toEqual([]);
  expect(again.actions).toMatchObject([{ type: 'step', stepId: 'open', visit: 1 }]);
});

test('whatever fails, every effect that was started is undone once, the latest first', () => {
  const answer = fc.constantFrom<JsonObject | string>(
    'REFUSED',
    verdict('failed'),
    verdict('warning'),
    verdict('passed'),
  );
  const failures = fc.dictionary(
    fc.constantFrom('open#1', 'summarise#1', 'summarise#2', 'publish#1', 'publish_review#1', 'notify#1'),
    fc.constant('REFUSED'),
  );
  fc.assert(
    fc.property(failures, answer, answer, fc.boolean(), (failed, first, second, stuckOpen) => {
      let refusals = stuckOpen ? 2 : 0;
      const answers = world({ 'check#1': first, 'check#2': second, ...failed });
      const { journal, performed, state } = simulate(definition, input, (action) => {
        if (action.type === 'undo' && action.stepId === 'open' && refusals > 0) {
          refusals -= 1;
          return 'STUCK';
        }
        return answers(action);
      });
      const effects = journal.flatMap((entry) =>
        entry.kind === 'step_started' && entry.undo !== undefined ? [`${entry.stepId}#${entry.visit}`] : [],
      );
      const undone = journal.flatMap((entry) =>
        entry.kind === 'undo_started' ? [`${entry.stepId}#${entry.visit}`] : [],
      );
      const completed = journal.filter((entry) => entry.kind === 'undo_completed');
      expect(state.settled).toBe(true);
      if (statusOf(state) === 'completed') expect(undone).toEqual([]);
      else {
        expect(undone).toEqual(effects.toReversed());
        expect(completed).toHaveLength(effects.length);
      }
      const steps = performed.filter((name) => name.startsWith('step'));
      expect(new Set(steps).size).toBe(steps.length);
    }),
    { seed: 7, numRuns: 300 },
  );
});

const runFacts = {
  id: 'run-1',
  workflowId: 'workflow-1',
  workflowSlug: 'release-watch',
  workflowVersion: 1,
  startedBy: 'user-1',
};
