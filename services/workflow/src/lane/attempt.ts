import { setTimeout as delay } from 'node:timers/promises';
import { retryable } from '@flotilla/errors';
import { ask, isTriedAgain, type Performing } from '../commands/perform.ts';
import { asStored } from '../db/json-column.ts';
import type { StepAction } from '../domain/action.ts';
import { stepOf } from '../domain/definition.ts';
import { outcomeEntry } from '../domain/enter.ts';
import type { StepOutcome } from '../domain/journal.ts';
import type { JsonObject } from '../domain/json.ts';
import { visitKey } from '../domain/path.ts';
import { effectKey } from '../domain/scope.ts';
import { stepError } from '../domain/step-error.ts';
import type { HeldRun, TriedStep } from './held-run.ts';

/** How a step went in a lane: it has its outcome, or somebody else has to go on with it. */
export type Attempted =
  | { readonly outcome: StepOutcome }
  | { readonly tried: TriedStep }
  | { readonly stopped: true }
  | { readonly broken: unknown };

/**
 * Makes attempts at a step until it has an outcome, or would have to wait longer than a lane waits. That an attempt begins is
 * not written: should this process die, its effect key is in the journal, and whoever takes over repeats the attempt.
 */
export async function attemptInLane(
  performing: Performing,
  held: HeldRun,
  action: StepAction,
  control: {
    readonly signal: AbortSignal;
    readonly longestPauseMs: number;
    /** Whether it is known that nobody has asked before. */
    readonly isFirst?: boolean;
  },
): Promise<Attempted> {
  const { path, stepId, visit, retry, timeoutMs } = action;
  const open = held.run.state.open.get(visitKey(action));
  if (open === undefined) return { stopped: true };
  const { instance, definition } = held.run;
  const { tenantId } = held;
  const { kind: stepKind } = stepOf(definition, stepId);
  const key = effectKey(instance.id, path, visit, 'do');
  const question = { tenantId, instance, stepKind, timeoutMs, request: open.input as JsonObject, effectKey: key };
  const at = { path, stepId, visit };
  const startedAt = performance.now();
  const count = (outcome: 'done' | 'failed' | 'again') =>
    performing.meters.attempt('step', stepKind, outcome, (performance.now() - startedAt) / 1000);
  for (let failures = 0; ; ) {
    try {
      const facts = asStored(await ask(performing, question, control.signal));
      count('done');
      return { outcome: outcomeEntry(at, { facts }, failures + 1) };
    } catch (failure) {
      if (control.signal.aborted) return { stopped: true };
      const failed = stepError(failure);
      failures += 1;
      if (!isTriedAgain(retry, failed.error) || failures >= retry.maxAttempts) {
        count('failed');
        const outcome = outcomeEntry(at, { failed }, failures);
        const refused = control.isFirst === true && failures === 1 && !retryable(failed.error.code);
        return { outcome: refused && outcome.kind === 'step_failed' ? { ...outcome, refused: true } : outcome };
      }
      count('again');
      const pauseMs =
        failed.error.retryAfterMs ?? Math.min(retry.initialIntervalMs * 2 ** (failures - 1), retry.maxIntervalMs);
      if (pauseMs > control.longestPauseMs) {
        return { tried: { path, visit, attempts: failures, failures, error: failed.error, pauseMs } };
      }
      await delay(pauseMs, undefined, { signal: control.signal }).catch(() => {});
      if (control.signal.aborted) return { stopped: true };
    }
  }
}
