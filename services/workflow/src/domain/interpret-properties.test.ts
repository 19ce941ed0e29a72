import fc from 'fast-check';
import { expect, test } from 'vitest';
import { definitionOf, type Simulation, simulate } from '../../test/simulate.ts';
import type { JsonObject } from './json.ts';
import { blockOf, frameOf, visitKey } from './path.ts';
import { compensationOf, statusOf } from './run-state.ts';

/** Numbers from a tape, for ever: what is drawn is the same for the same tape, and shrinks with it. */
function createDice(tape: readonly number[]): (sides: number) => number {
  let at = 0;
  return (sides) => {
    const value = tape[at % tape.length] ?? 0;
    at += 1;
    return (value + Math.floor(at / tape.length) * 7) % sides;
  };
}

/** A definition of effects in sequences, branches and maps, some of them caught, with savepoints at the root. */
function anyDefinition(roll: (sides: number) => number): JsonObject {
  let ids = 0;
  const sequence = (level: number): JsonObject[] => {
    const steps = Array.from({ length: 1 + roll(3) }, () => step(level));
    return steps.map((made, index) => {
      const next = String(steps[index + 1]?.['id'] ?? '$end');
      const savepoint = level === 0 && roll(3) === 0 ? { savepoint: `s${made['id']}` } : {};
      return { ...made, ...savepoint, next, ...(roll(4) === 0 ? { onError: { next } } : {}) };
    });
  };
  const step = (level: number): JsonObject => {
    const id = `n${ids++}`;
    const kind = level >= 3 ? 0 : roll(4);
    if (kind === 2) {
      const branches = ['a', 'b', 'c'].slice(0, 1 + roll(3)).map((name) => ({ name, steps: sequence(level + 1) }));
      return { id, kind: 'parallel', branches, join: ['all', 'any', 1 + roll(branches.length)][roll(3)] ?? 'all' };
    }
    if (kind === 3) {
      const items = Array.from({ length: roll(4) }, (_, index) => index);
      const onItemError = roll(2) === 0 ? 'fail' : 'collect';
      return { id, kind: 'map', items, maxConcurrency: 1 + roll(3), onItemError, steps: sequence(level + 1) };
    }
    return { id, kind: 'http', url: 'http://x.example', undo: { url: 'http://x.example' } };
  };
  const steps = sequence(0);
  const savepoint = steps.map((made) => made['savepoint']).find((name) => name !== undefined);
  return { steps, ...(savepoint !== undefined && roll(2) === 0 ? { onFailure: { rollbackTo: savepoint } } : {}) };
}

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
