import { expect, test } from 'vitest';
import { definitionOf } from '../../test/simulate.ts';
import { afterUndo } from './fold-effects.ts';
import { interpret } from './interpret.ts';
import type { JournalEntry, Recorded } from './journal.ts';
import { compensationOf, foldJournal } from './run-state.ts';

const start = Date.parse('2026-01-01T00:00:00Z');
const at = (seconds: number) => new Date(start + seconds * 1000);
const run = { id: 'run-1', workflowId: 'w', workflowSlug: 's', workflowVersion: 1, startedBy: 'u' };
const open = { path: 'open', stepId: 'open', visit: 1 };

/** A run whose only effect failed after so many attempts, and is being undone. */
function undoing(late: string, attempts: number, refused?: true) {
  const undo = { url: 'http://t/undo', late };
  const step = { id: 'open', kind: 'http', url: 'http://t/records', timeoutMs: 10_000, undo, next: '$end' };
  const definition = definitionOf({ steps: [step] });
  const journal: Recorded[] = [];
  const add = (entry: JournalEntry) => void journal.push({ ...entry, occurredAt: at(0).toISOString() });
  const move = () => {
    const { entries, actions } = interpret(definition, run, foldJournal(journal), at(1));
    journal.push(...entries);
    return actions;
  };
  add({ kind: 'instance_started', input: {} });
  move();
  add({ kind: 'step_failed', ...open, attempts, reason: 'R', message: '', ...(refused ? { refused } : {}) });
  move();
  const effect = () => foldJournal(journal).effects.first();
  const after = (seconds: number) => {
    const known = effect();
    return known && afterUndo(known, { startedAt: at(0), attemptTimeoutMs: 10_000, now: at(seconds) });
  };
  return { add, move, after, state: () => foldJournal(journal) };
}

test('an undo is repeated as long as an unanswered request of its effect may still land', () => {
  const { after } = undoing('repeat', 3);
  expect([after(1), after(14), after(15)]).toEqual(['again', 'again', 'done']);
});

test('nothing is in doubt about a request that was refused, nor where late ones are refused', () => {
  for (const { after } of [undoing('repeat', 1, true), undoing('unresolved', 1, true), undoing('refused', 3)])
    expect(after(1)).toBe('done');
});

test('an effect that is unresolved keeps its run from being settled until somebody says so', () => {
  const { add, move, after, state } = undoing('unresolved', 1);
  expect(after(1)).toBe('unresolved');
  add({ kind: 'undo_completed', ...open, attempts: 1, unresolved: true });
  expect(move()).toEqual([{ type: 'wait' }]);
  expect([compensationOf(state()), state().settled]).toEqual(['stuck', false]);
  add({ kind: 'undo_skipped', ...open, reason: 'looked', requestedBy: 'u' });
  expect(move()).toEqual([{ type: 'done' }]);
  expect([compensationOf(state()), state().settled]).toEqual(['complete', true]);
});
