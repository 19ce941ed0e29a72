import fc from 'fast-check';
import { expect, test } from 'vitest';
import { anyDefinition, createDice } from '../../test/any-definition.ts';
import { definitionOf, type Simulation, simulate } from '../../test/simulate.ts';
import { blockOf, frameOf, visitKey } from './path.ts';
import { compensationOf, statusOf } from './run-state.ts';

function playRandomly(tape: readonly number[]): Simulation & { readonly keeps: number } {
  const roll = createDice(tape);
  const definition = definitionOf(anyDefinition(roll));
  const stuck = new Map<string, number>();
  const run = simulate(
    definition,
    {},
    (action) => {
      if (action.type === 'step') return roll(6) === 0 ? 'REFUSED' : { output: action.path };
      const tries = stuck.get(visitKey(action)) ?? (roll(5) === 0 ? 2 : 0);
      stuck.set(visitKey(action), tries - 1);
      return tries > 0 ? 'STUCK' : {};
    },
    { pick: (many) => roll(Math.max(1, many)), moves: 20_000 },
  );
  const failing = run.journal.find((entry) => entry.kind === 'instance_failing');
  return { ...run, keeps: failing?.keeps ?? 0 };
}

const tapes = fc.array(fc.nat(59), { minLength: 20, maxLength: 80 });

test('whatever is nested and whatever fails, the run settles, and each effect that has to be is undone once, in reverse order', () => {
  let failed = 0;
  let blocks = 0;
  fc.assert(
    fc.property(tapes, (tape) => {
      const { journal, state, performed, keeps } = playRandomly(tape);
      expect(state.settled).toBe(true);
      expect(compensationOf(state)).not.toMatch(/running|stuck/);
      const effects = journal.flatMap((entry) =>
        entry.kind === 'step_started' && entry.undo !== undefined ? [visitKey(entry)] : [],
      );
      const undone = journal.flatMap((entry) => (entry.kind === 'undo_completed' ? [visitKey(entry)] : []));
      expect(new Set(undone).size).toBe(undone.length);
      const steps = performed.filter((name) => name.startsWith('step'));
      expect(new Set(steps).size).toBe(steps.length);
      if (statusOf(state) !== 'completed') {
        failed += 1;
        expect(effects.slice(keeps).filter((key) => !undone.includes(key))).toEqual([]);
      }
      const failing = journal.findIndex((entry) => entry.kind === 'instance_failing');
      const order = journal
        .slice(failing < 0 ? journal.length : failing)
        .flatMap((entry) => (entry.kind === 'undo_started' ? [effects.indexOf(visitKey(entry))] : []));
      expect(order).toEqual(order.toSorted((one, other) => other - one));
      if (journal.some((entry) => entry.kind === 'frame_failed')) blocks += 1;
    }),
    { seed: 11, numRuns: 150 },
  );
  expect(failed).toBeGreaterThan(20);
  expect(blocks).toBeGreaterThan(10);
}, 20_000);

test('what a completed run keeps is what it went through to the end: no failed step, no branch or item that was not needed', () => {
  fc.assert(
    fc.property(tapes, (tape) => {
      const { journal, state } = playRandomly(tape);
      const started = journal.filter((entry) => entry.kind === 'step_started');
      const ended = new Map(
        journal.flatMap((entry) =>
          entry.kind === 'step_completed' || entry.kind === 'step_failed'
            ? [[visitKey(entry), entry.kind] as const]
            : [],
        ),
      );
      expect(started.filter((entry) => !ended.has(visitKey(entry)))).toEqual([]);
      if (statusOf(state) !== 'completed') return;
      const completed = new Set(journal.flatMap((entry) => (entry.kind === 'frame_completed' ? [entry.frame] : [])));
      for (const effect of state.effects) {
        const path = effect.path;
        const blockFailed = [...enclosing(path)].some(
          ({ frame, block }) => !completed.has(frame) || ended.get(`${block}#1`) === 'step_failed',
        );
        const lost = blockFailed || ended.get(visitKey(effect)) === 'step_failed';
        expect([path, effect.state]).toEqual([path, lost ? 'undone' : 'registered']);
      }
    }),
    { seed: 12, numRuns: 120 },
  );
}, 20_000);

function* enclosing(path: string): Iterable<{ frame: string; block: string }> {
  for (let frame = frameOf(path); frame !== ''; ) {
    const block = blockOf(frame)?.path ?? '';
    yield { frame, block };
    frame = frameOf(block);
  }
}
