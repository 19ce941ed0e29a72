import { emptyState, type RunState } from '../domain/run-state.ts';

/** The state of a run after a part of its journal. What is written stays, so a state of before is never wrong, only short. */
export interface Folded {
  readonly length: number;
  readonly state: RunState;
  /** Of the journal's text: about what the state weighs. */
  readonly bytes: number;
}

/** Folded states of the runs that this process moved last, so that a move reads only what was written since. */
export interface RunStates {
  get(instanceId: string): Folded;
  keep(instanceId: string, folded: Folded): void;
}

const nothing: Folded = { length: 0, state: emptyState, bytes: 0 };

export function createRunStates({ maxBytes = 128 * 1024 * 1024, maxRuns = 2000 } = {}): RunStates {
  const kept = new Map<string, Folded>();
  let bytes = 0;
  const forget = (instanceId: string): void => {
    bytes -= kept.get(instanceId)?.bytes ?? 0;
    kept.delete(instanceId);
  };
  return {
    get: (instanceId) => kept.get(instanceId) ?? nothing,
    keep(instanceId, folded) {
      forget(instanceId);
      if (folded.state.settled || folded.bytes > maxBytes) return;
      kept.set(instanceId, folded);
      bytes += folded.bytes;
      while (bytes > maxBytes || kept.size > maxRuns) forget(kept.keys().next().value ?? '');
    },
  };
}
