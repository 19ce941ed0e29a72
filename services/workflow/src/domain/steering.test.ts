import { expect, test } from 'vitest';
import { definitionOf, simulate, type World } from '../../test/simulate.ts';
import type { JournalEntry, Recorded } from './journal.ts';
import type { JsonObject } from './json.ts';
import { planRetry } from './retry.ts';
import { compensationOf, foldJournal, statusOf } from './run-state.ts';
import { checkSignal } from './signals.ts';

const http = (id: string, next = '$end'): JsonObject => ({
  id,
  kind: 'http',
  url: 'https://a.example/',
  body: { n: 1 },
  undo: { url: 'https://a.example/undo' },
  next,
});
const three = definitionOf({ steps: [http('a', 'b'), http('b', 'c'), http('c')] });
const well: World = () => ({ output: {} });
const failsAt =
  (path: string): World =>
  (action) =>
    action.type === 'step' && action.path === path ? 'BROKEN' : { output: {} };
const said = { reason: 'because', requestedBy: 'user-1' };
const at = (journal: readonly Recorded[], entry: JournalEntry): Recorded[] => [
  ...journal,
  { ...entry, occurredAt: '2026-11-23T01:00:00Z' },
];
const refused = (reason: string, text = '') =>
  expect.objectContaining({ reason, message: expect.stringContaining(text) });

test('a paused run begins no step until it is resumed; the one under way ends', () => {
  const begun = simulate(three, {}, well, { moves: 1 });
  const paused = simulate(three, {}, well, {
    journal: at(begun.journal, { kind: 'instance_paused', ...said }),
    moves: 5,
  });
  expect(statusOf(paused.state)).toBe('paused');
  expect(paused.performed).toEqual([]);
  const resumed = simulate(three, {}, well, { journal: at(paused.journal, { kind: 'instance_resumed', ...said }) });
  expect(resumed.performed).toEqual(['step b#1', 'step c#1']);
  expect(statusOf(resumed.state)).toBe('completed');
});

test('a run that is cancelled without undo keeps what it did', () => {
  const begun = simulate(three, {}, well, { moves: 2 });
  const entry = { kind: 'cancel_requested', ...said, undo: 'none' } as const;
  const { state, performed } = simulate(three, {}, well, { journal: at(begun.journal, entry) });
  expect(performed).toEqual([]);
  expect([statusOf(state), compensationOf(state), state.settled]).toEqual(['cancelled', 'none', true]);
});

test('a cancellation can keep what was done before a savepoint, or undo more than the definition does', () => {
  const marked = definitionOf({
    steps: [http('a', 'b'), { ...http('b', 'c'), savepoint: 'half' }, http('c')],
    onFailure: { rollbackTo: 'half' },
  });
  const begun = simulate(marked, {}, well, { moves: 3 });
  const cancelled = (undoing: object) => {
    const journal = at(begun.journal, { kind: 'cancel_requested', ...said, ...undoing });
    return simulate(marked, {}, well, { journal });
  };
  expect(cancelled({}).performed).toEqual(['undo c#1']);
  expect(cancelled({ undo: 'all' }).performed).toEqual(['undo c#1', 'undo b#1', 'undo a#1']);
  const toFirst = cancelled({ undoAfter: 'a' });
  expect(toFirst.performed).toEqual(['undo c#1', 'undo b#1']);
  expect(planRetry(marked, toFirst.state, { stepId: '', input: undefined })).toEqual({ stepId: 'b' });
});

test('a completed run can be taken back and stays completed', () => {
  const { journal } = simulate(three, {}, well);
  const { state, performed } = simulate(three, {}, well, { journal: at(journal, { kind: 'undo_requested', ...said }) });
  expect(performed).toEqual(['undo c#1', 'undo b#1', 'undo a#1']);
  expect([statusOf(state), compensationOf(state), state.settled]).toEqual(['completed', 'complete', true]);
});

test('a failed run is retried with new keys; what was undone before the step makes it too late', () => {
  const failed = simulate(three, {}, failsAt('b'));
  expect(failed.performed).toEqual(['step a#1', 'step b#1', 'undo b#1', 'undo a#1']);
  const plan = (stepId: string, input?: JsonObject) => planRetry(three, failed.state, { stepId, input });
  expect(plan('')).toEqual({ stepId: 'a' });
  expect(() => plan('b')).toThrow(refused('RETRY_TOO_LATE', '"a"'));
  expect(() => plan('c')).toThrow(refused('STEP_NOT_REACHED'));
  expect(() => plan('a', { url: 'https://b.example/' })).toThrow(refused('INPUT_NOT_EDITABLE', '"body"'));
  const entry = { kind: 'instance_retried', ...said, stepId: 'a', input: { body: { n: 2 } } } as const;
  const again = simulate(three, {}, well, { journal: at(failed.journal, entry) });
  expect(again.performed).toEqual(['step a#2', 'step b#2', 'step c#1']);
  const edited = again.journal.find((one) => one.kind === 'step_started' && one.path === 'a' && one.visit === 2);
  expect(edited).toMatchObject({ input: { body: { n: 2 } }, effectKey: 'run-1/a#2/do' });
  expect(statusOf(again.state)).toBe('completed');
  const broken = simulate(three, {}, failsAt('c'), { journal: at(failed.journal, entry) });
  expect(broken.performed.slice(3)).toEqual(['undo c#1', 'undo b#2', 'undo a#2']);
});

test('what was kept need not be done again', () => {
  const kept = at(simulate(three, {}, well, { moves: 2 }).journal, { kind: 'cancel_requested', ...said, undo: 'none' });
  const cancelled = simulate(three, {}, well, { journal: kept });
  expect(planRetry(three, cancelled.state, { stepId: 'b', input: undefined })).toEqual({ stepId: 'b' });
  const entry = { kind: 'instance_retried', ...said, stepId: 'b' } as const;
  expect(simulate(three, {}, well, { journal: at(cancelled.journal, entry) }).performed).toEqual([
    'step b#2',
    'step c#1',
  ]);
});

test('a run that goes on, or reached its goal, is not retried', () => {
  const plan = (moves?: number) => () =>
    planRetry(three, simulate(three, {}, well, moves === undefined ? {} : { moves }).state, {
      stepId: 'a',
      input: undefined,
    });
  expect(plan()).toThrow(refused('INSTANCE_NOT_FAILED'));
  expect(plan(1)).toThrow(refused('INSTANCE_NOT_FAILED'));
});

const waits = definitionOf({
  steps: [
    { id: 'first', kind: 'wait', signal: 'go', schema: { type: 'object', required: ['n'] }, next: 'then' },
    { id: 'then', kind: 'wait', signal: 'go', schema: { type: 'object', required: ['n'] } },
  ],
  output: { first: '${steps.first.output.n}', second: '${steps.then.output.n}' },
});

test('signals are taken in their order, also by steps that come later; others are refused', () => {
  const go = (n: number) => ({ kind: 'signal_received', name: 'go', payload: { n }, sentBy: 'user-1' }) as const;
  const begun = simulate(waits, {}, well, { moves: 1 });
  expect(() => checkSignal(waits, begun.state, { name: 'stop', payload: {} })).toThrow(
    refused('SIGNAL_UNKNOWN', '"go"'),
  );
  expect(() => checkSignal(waits, begun.state, { name: 'go', payload: {} })).toThrow(refused('SIGNAL_INVALID'));
  const { state } = simulate(waits, {}, well, { journal: at(at(begun.journal, go(1)), go(2)) });
  expect(state.output).toEqual({ first: 1, second: 2 });
  expect(() => checkSignal(waits, state, { name: 'go', payload: { n: 3 } })).toThrow(refused('INSTANCE_ENDED'));
  const flood = Array.from({ length: 101 }, (_, n) => go(n));
  const stored = foldJournal(flood.reduce<Recorded[]>((journal, one) => at(journal, one), [...begun.journal]));
  expect(() => checkSignal(waits, stored, { name: 'go', payload: { n: 0 } })).toThrow(refused('SIGNALS_TOO_MANY'));
});
