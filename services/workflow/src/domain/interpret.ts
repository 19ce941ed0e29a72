import type { Action } from './action.ts';
import { compensate, failing, rollBack, undosUnderWay } from './compensate.ts';
import { type Definition, stepOf } from './definition.ts';
import { abandonUnder, type Move, outcomeEntry, type Run } from './enter.ts';
import { verdictOf } from './fold-blocks.ts';
import { goOn } from './go-on.ts';
import type { Failure, Recorded, StepError } from './journal.ts';
import type { JsonObject } from './json.ts';
import { applyEntry, type OpenStep, type RunState } from './run-state.ts';
import type { RunFacts } from './scope.ts';
import { takeSignal } from './signals.ts';
import type { Step } from './step-kind.ts';
import { turn } from './turn-block.ts';

/** What to write into the journal, in this order, before the actions are performed. */
export interface Advance {
  readonly entries: readonly Recorded[];
  readonly state: RunState;
  readonly actions: readonly Action[];
  /** There is more to write at once: ask again. */
  readonly more: boolean;
}

/** One move writes about so many entries at most, so that a map of thousands of items is no transaction of seconds. */
export const MAX_ENTRIES = 600;
/** So many steps of a run are under way at once at most. */
const MAX_OPEN = 500;

/**
 * Says what happens next in a run. Pure: the same definition, journal and time give the same answer, so any driver, or the
 * same one after a crash, goes on where the journal ends. What is under way already is answered again without new entries.
 */
export function interpret(
  definition: Definition,
  run: Omit<RunFacts, 'startedAt'>,
  before: RunState,
  now: Date,
): Advance {
  const entries: Recorded[] = [];
  const occurredAt = now.toISOString();
  let state = before;
  for (;;) {
    const next = move({ definition, facts: { ...run, startedAt: state.startedAt }, state, now });
    if ('actions' in next) return { entries, state, actions: next.actions, more: false };
    for (const entry of next.entries) {
      const recorded: Recorded = { ...entry, occurredAt };
      entries.push(recorded);
      state = applyEntry(state, recorded);
    }
    if (entries.length >= MAX_ENTRIES) return { entries, state, actions: underWay(definition, state, now), more: true };
  }
}

type Stop = StepError & { readonly failure: Failure };

function move(run: Run): Move {
  const { definition, state, now } = run;
  if (state.settled) return { actions: [{ type: 'done' }] };
  if (state.failing !== undefined || state.ended) return compensate(run);
  const stop = reasonToStop(definition, state, now);
  if (stop !== undefined) {
    const open = abandonUnder(state, () => true, stop);
    return open.length > 0 ? { entries: open } : failing(run, stop.failure, stop);
  }
  const due = state.waiting.find((key) => isDue(state.open.get(key)?.suspended?.wakeAt, now));
  const expired = due === undefined ? undefined : state.open.get(due);
  if (expired !== undefined) return expire(stepOf(definition, expired.stepId), expired);
  const undo = rollBack(run);
  if (undo !== undefined) return undo;
  const taken = state.signals.isEmpty() ? undefined : takeSignal(state);
  if (taken !== undefined) return { entries: [taken] };
  if (state.paused) return { actions: underWay(definition, state, now) };
  const frame = state.ready.first();
  if (frame !== undefined) return goOn(run, frame);
  const block = state.open.size < MAX_OPEN ? state.turning.first() : decided(state);
  if (block !== undefined) return turn(run, block);
  return { actions: underWay(definition, state, now) };
}

/** A run is ended also in the middle of its steps. */
function reasonToStop(definition: Definition, state: RunState, now: Date): Stop | undefined {
  if (state.cancel !== undefined) return { failure: 'cancelled', reason: 'CANCELLED', message: state.cancel.reason };
  if (!isDue(deadlineOf(definition, state), now)) return undefined;
  return { failure: 'timeout', reason: 'RUN_TIMED_OUT', message: 'The run took longer than the workflow allows.' };
}

const expiredWait: StepError = { reason: 'WAIT_EXPIRED', message: 'What the step waited for did not come in time.' };

function expire(step: Step, { path, stepId, visit, input }: OpenStep): Move {
  const outcome = step.expire?.(input as JsonObject) ?? { failed: expiredWait };
  return { entries: [outcomeEntry({ path, stepId, visit }, outcome, 1)] };
}

/** A block that is decided ends, however much is under way. */
function decided({ turning, blocks }: RunState): string | undefined {
  return turning.find((path) => {
    const block = blocks.get(path);
    return block !== undefined && verdictOf(block) !== 'open';
  });
}

function underWay(definition: Definition, state: RunState, now: Date): readonly Action[] {
  const deadline = deadlineOf(definition, state);
  const left = deadline === undefined ? Number.POSITIVE_INFINITY : Date.parse(deadline) - now.getTime();
  const times = deadline === undefined ? [] : [deadline];
  const actions: Action[] = [...undosUnderWay(state)];
  for (const { path, stepId, visit, suspended } of state.open.values()) {
    if (suspended?.wakeAt !== undefined) times.push(suspended.wakeAt);
    if (suspended !== undefined) continue;
    const { retry, timeoutMs } = stepOf(definition, stepId);
    actions.push({ type: 'step', path, stepId, visit, retry, timeoutMs: Math.max(100, Math.min(timeoutMs, left)) });
  }
  const [until] = times.sort((one, other) => Date.parse(one) - Date.parse(other));
  if (until !== undefined) return [...actions, { type: 'wait', until }];
  return state.waiting.isEmpty() && !state.paused ? actions : [...actions, { type: 'wait' }];
}

function isDue(time: string | undefined, now: Date): boolean {
  return time !== undefined && Date.parse(time) <= now.getTime();
}

function deadlineOf(definition: Definition, state: RunState): string | undefined {
  return definition.timeoutMs === undefined
    ? undefined
    : new Date(Date.parse(state.clockFrom) + definition.timeoutMs).toISOString();
}
