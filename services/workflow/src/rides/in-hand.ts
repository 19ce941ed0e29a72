import type { Attempted } from '../lane/attempt.ts';

/** An attempt at a step that goes on in this process, whoever drives the run. */
export interface StepInHand {
  readonly attempted: Promise<Attempted>;
  abort(): void;
}

/** Attempts that rides began. One that is left under way is found here by the activity that goes on with the step. */
export interface InHand {
  begin(instanceId: string, visit: string, attempt: (signal: AbortSignal) => Promise<Attempted>): StepInHand;
  find(instanceId: string, visit: string): StepInHand | undefined;
  /** What the attempt came to is written. */
  release(instanceId: string, visit: string): void;
  /** Ends attempts at steps of a run that are not under way any more, and waits until they have come to rest. */
  endOthers(instanceId: string, underWay: ReadonlySet<string>): Promise<void>;
}

/** An outcome that nobody has asked for by then is not going to be asked for here. */
const KEPT_MS = 60_000;

export function createInHand(): InHand {
  const runs = new Map<string, Map<string, StepInHand>>();

  function release(instanceId: string, visit: string): void {
    const steps = runs.get(instanceId);
    steps?.delete(visit);
    if (steps?.size === 0) runs.delete(instanceId);
  }

  return {
    release,
    find: (instanceId, visit) => runs.get(instanceId)?.get(visit),
    begin(instanceId, visit, attempt) {
      const stop = new AbortController();
      const attempted = attempt(stop.signal).catch((error: unknown): Attempted => ({ broken: error }));
      const step: StepInHand = { attempted, abort: () => stop.abort() };
      const steps = runs.get(instanceId) ?? new Map<string, StepInHand>();
      runs.set(instanceId, steps.set(visit, step));
      void attempted.then(() => {
        const forget = () => {
          if (runs.get(instanceId)?.get(visit) === step) release(instanceId, visit);
        };
        if (runs.get(instanceId)?.get(visit) === step) setTimeout(forget, KEPT_MS).unref();
      });
      return step;
    },
    async endOthers(instanceId, underWay) {
      const others = [...(runs.get(instanceId) ?? [])].filter(([visit]) => !underWay.has(visit));
      for (const [, step] of others) step.abort();
      for (const [visit, { attempted }] of others) {
        await attempted;
        release(instanceId, visit);
      }
    },
  };
}
