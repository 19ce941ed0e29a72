import type { Action } from './action.ts';
import type { Move, Run } from './enter.ts';
import type { Effect } from './fold-effects.ts';
import type { Failure, JournalEntry, StepError } from './journal.ts';
import type { RunState } from './run-state.ts';
import { effectKey } from './scope.ts';

/** The run fails. A savepoint that was reached keeps what was done before it, that of the definition or of the cancellation; a cancellation without undo keeps all. */
export function failing({ definition, state }: Run, failure: Failure, { reason, message }: StepError, path = ''): Move {
  const { undo, undoAfter = definition.keepsUntil } = state.cancel ?? {};
  const savepoint = undoAfter === undefined || undo === 'all' ? undefined : state.marks.get(undoAfter);
  const keeps = undo === 'none' ? state.effects.size : savepoint;
  const entry: JournalEntry = {
    kind: 'instance_failing',
    failure,
    reason,
    message,
    ...(path === '' ? {} : { path }),
    ...(keeps === undefined ? {} : { keeps }),
  };
  return { entries: [entry] };
}

const ends = { failed: 'instance_failed', cancelled: 'instance_cancelled', timeout: 'instance_timed_out' } as const;

/** Undos run one by one, the latest effect first; one that is stuck does not keep the rest from being undone. */
export function compensate({ facts, state }: Run): Move {
  if (!state.undoing.isEmpty()) return { actions: undosUnderWay(state) };
  const keeps = state.takenBack ? 0 : state.failing?.keeps;
  const undoes = state.takenBack || state.failing !== undefined;
  const next = undoes ? latestRegistered(state, keeps ?? 0) : undefined;
  if (next !== undefined) return { entries: [undoStarted(facts.id, next)] };
  if (!state.ended && state.failing !== undefined) return { entries: [{ kind: ends[state.failing.failure] }] };
  if (state.stuck.isEmpty()) return { entries: [{ kind: 'compensation_completed' }] };
  const actions = undosUnderWay(state);
  // What is unresolved waits for somebody's word.
  return { actions: actions.length === 0 ? [{ type: 'wait' }] : actions };
}

/** Each roll-back of a run that goes on undoes its effects one by one, too. */
export function rollBack({ facts, state }: Run): Move | undefined {
  for (const left of state.rollbacks.values()) {
    const effect = state.effects.get(left.first() ?? -1);
    if (effect?.state === 'registered' && !state.undoing.some((index) => left.includes(index)))
      return { entries: [undoStarted(facts.id, effect)] };
  }
  return undefined;
}

export function undosUnderWay(state: RunState): Action[] {
  const undo =
    (pace: 'quick' | 'slow') =>
    (index: number): Action[] => {
      const effect = state.effects.get(index);
      return effect === undefined
        ? []
        : [{ type: 'undo', path: effect.path, stepId: effect.stepId, visit: effect.visit, pace }];
    };
  // While a failed run undoes its effects one after the other, what is stuck rests.
  const undoes = state.failing !== undefined || state.takenBack;
  const failing = [...state.stuck].filter((index) => state.effects.get(index)?.state === 'stuck');
  const slow = !undoes || state.undoing.isEmpty() ? failing.reverse().flatMap(undo('slow')) : [];
  return [...[...state.undoing].flatMap(undo('quick')), ...slow];
}

function latestRegistered(state: RunState, keeps: number): Effect | undefined {
  for (let at = state.undoneFrom - 1; at >= keeps; at -= 1) {
    const effect = state.effects.get(at);
    if (effect?.state === 'registered') return effect;
  }
  return undefined;
}

function undoStarted(instanceId: string, { path, stepId, visit }: Effect): JournalEntry {
  return { kind: 'undo_started', path, stepId, visit, effectKey: effectKey(instanceId, path, visit, 'undo') };
}
