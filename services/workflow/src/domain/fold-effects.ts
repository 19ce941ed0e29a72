import * as im from 'immutable';
import type { RollbackRange, UndoPlan, Visit } from './journal.ts';
import { frameOf, frameWithin, visitKey } from './path.ts';
import type { RunState } from './run-state.ts';

/** An effect that happened, or may have, and its undo. */
export interface Effect extends Visit {
  readonly undo: UndoPlan;
  /** `unresolved`: undone, but a late request may have landed after it. `skipped`: an operator has put it right, or leaves it. */
  readonly state: 'registered' | 'undoing' | 'undone' | 'stuck' | 'unresolved' | 'skipped';
  /** Some request of it was never answered: it may still be on its way. */
  readonly inDoubt: boolean;
}

/** After the time of one attempt no request is on its way any more; clocks and networks get this much more. */
const LATE_MARGIN_MS = 5_000;

/** What a successful undo comes to where its receiver does not refuse late requests: it is done once more as long as one may come. */
export function afterUndo(
  { undo, inDoubt }: Effect,
  { startedAt, attemptTimeoutMs, now }: { startedAt: Date; attemptTimeoutMs: number; now: Date },
): 'done' | 'again' | 'unresolved' {
  if (undo.late === undefined || !inDoubt) return 'done';
  if (undo.late === 'unresolved') return 'unresolved';
  return now.getTime() < startedAt.getTime() + attemptTimeoutMs + LATE_MARGIN_MS ? 'again' : 'done';
}

/** Every request of a step was answered: its effect, where it has one, is as its outcome says. */
export function answered(state: RunState, at: Visit): RunState {
  const index = state.effectAt.get(visitKey(at));
  const effect = index === undefined ? undefined : state.effects.get(index);
  if (index === undefined || effect === undefined) return state;
  return { ...state, effects: state.effects.set(index, { ...effect, inDoubt: false }) };
}

export function register(state: RunState, effect: Effect): RunState {
  return {
    ...state,
    effectAt: state.effectAt.set(visitKey(effect), state.effects.size),
    effects: state.effects.push(effect),
  };
}

/** From now on everything is undone, but for what was registered before `keeps`. Roll-backs that were under way become part of it. */
export function failEffects(state: RunState, keeps: number): RunState {
  const kept = state.effects.take(keeps).count(({ state: at }) => at === 'registered');
  return { ...state, kept, undoneFrom: state.effects.size, rollbacks: im.OrderedMap() };
}

export function setEffect(state: RunState, at: Visit, to: Effect['state']): RunState {
  const index = state.effectAt.get(visitKey(at));
  const effect = index === undefined ? undefined : state.effects.get(index);
  if (index === undefined || effect === undefined) return state;
  const changed: RunState = {
    ...state,
    effects: state.effects.set(index, { ...effect, state: to }),
    undoneFrom:
      to === 'undoing' && (state.failing !== undefined || state.takenBack)
        ? Math.min(state.undoneFrom, index)
        : state.undoneFrom,
    undoing: to === 'undoing' ? state.undoing.add(index) : state.undoing.remove(index),
    stuck: to === 'stuck' || to === 'unresolved' ? state.stuck.add(index) : state.stuck.remove(index),
    undone: to === 'undone' || to === 'skipped' ? state.undone + 1 : state.undone,
  };
  return to === 'undoing' ? changed : withoutRolledBack(changed, index);
}

/** Chooses what is rolled back, the latest effect first. */
export function startRollback(state: RunState, entry: Visit & RollbackRange): RunState {
  const left = rollbackOf(state, entry);
  return left.isEmpty() ? state : { ...state, rollbacks: state.rollbacks.set(visitKey(entry), left) };
}

/** The places of the effects that a roll-back takes, in the order in which they are undone. */
export function rollbackOf(state: RunState, { path, from, of }: Visit & RollbackRange): im.List<number> {
  const frames = typeof of === 'string' ? undefined : new Set(of);
  const takes = (effect: Effect): boolean => {
    if (effect.state !== 'registered' && effect.state !== 'undoing') return false;
    if (of === 'all') return true;
    const frame = frameWithin(path, effect.path);
    return frames === undefined
      ? effect.path === path || frame !== undefined
      : frame !== undefined && frames.has(frame);
  };
  const places: number[] = [];
  for (let at = state.effects.size - 1; at >= from; at -= 1) {
    const effect = state.effects.get(at);
    if (effect !== undefined && takes(effect)) places.push(at);
  }
  return im.List(places);
}

/** Roll-backs have one effect less before them; after its last one, who waited for it goes on. */
function withoutRolledBack(state: RunState, index: number): RunState {
  let after = state;
  for (const [key, left] of state.rollbacks) {
    const rest = left.first() === index ? left.shift() : left.filter((other) => other !== index);
    if (rest.size === left.size) continue;
    after = rest.isEmpty() ? released(after, key) : { ...after, rollbacks: after.rollbacks.set(key, rest) };
  }
  return after;
}

function released(state: RunState, key: string): RunState {
  const path = key.slice(0, key.lastIndexOf('#'));
  const after = { ...state, rollbacks: state.rollbacks.remove(key) };
  return state.blocks.has(path)
    ? { ...after, turning: state.turning.add(path) }
    : { ...after, ready: state.ready.add(frameOf(path)) };
}
