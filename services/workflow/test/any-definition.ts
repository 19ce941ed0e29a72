import type { JsonObject } from '../src/domain/json.ts';

/** Numbers from a tape, for ever: what is drawn is the same for the same tape, and shrinks with it. */
export function createDice(tape: readonly number[]): (sides: number) => number {
  let at = 0;
  return (sides) => {
    const value = tape[at % tape.length] ?? 0;
    at += 1;
    return (value + Math.floor(at / tape.length) * 7) % sides;
  };
}

/** A definition of effects in sequences, branches and maps, some of them caught, with savepoints at the root. */
export function anyDefinition(roll: (sides: number) => number, join?: 'all'): JsonObject {
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
      return {
        id,
        kind: 'parallel',
        branches,
        join: join ?? ['all', 'any', 1 + roll(branches.length)][roll(3)] ?? 'all',
      };
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
