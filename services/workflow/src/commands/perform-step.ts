import { type AppError, retryable } from '@flotilla/errors';
import type { Tx } from '@flotilla/postgres';
import { findInstance, type Instance } from '../db/instance-repository.ts';
import { lastCancel } from '../db/journal-repository.ts';
import { findPayload } from '../db/payload-repository.ts';
import type { Schema } from '../db/schema.ts';
import { claimTask, countTaskFailure, lockTask, type Task } from '../db/task-repository.ts';
import type { JournalEntry, StepError } from '../domain/journal.ts';
import type { JsonObject } from '../domain/json.ts';
import { stepError } from '../domain/step-error.ts';
import type { RetryPolicy } from '../domain/step-kind.ts';
import { advance, type Driven, driveOn } from './advance.ts';
import { type Assignment, ask, type Control, driverScope, isTriedAgain, type Performing } from './perform.ts';
import { lockRun, staleDriver } from './run.ts';

/** Attempts that died with their process, before the step is given up: it may be what kills the process. */
const MAX_LOST_ATTEMPTS = 20;

/** After this claim no attempt may write. */
const NEWEST_CLAIM = 2_147_483_647;

interface Claimed {
  readonly task: Task;
  readonly instance: Instance;
  readonly cancelled: boolean;
}

/**
 * Makes one attempt at a step: claims it, asks the outside with no transaction open, journals the outcome together with what
 * comes next, and answers that. Throws where the step should be tried again. A step that has its outcome already is not done again.
 */
export async function performStep(
  performing: Performing,
  work: Assignment & { readonly retry: RetryPolicy },
  control: Control,
): Promise<Driven> {
  const { db } = performing;
  const claimed = await db.inTenant(driverScope(work.tenantId), (tx) => claimStep(tx, work, 'begins'));
  const scope = driverScope(work.tenantId, claimed?.instance.traceparent);
  if (claimed === undefined) return db.inTenant(scope, (tx) => advance(performing, tx, work.instanceId, work.epoch));
  const settle = (outcome: JournalEntry) => db.inTenant(scope, (tx) => settleStep(performing, tx, work, outcome));
  const at = { path: work.path, stepId: work.stepId, visit: work.visit, attempts: claimed.task.attempts };
  const fail = ({ reason, message }: StepError, refused = false) =>
    settle({ kind: 'step_failed', ...at, reason, message, ...(refused ? { refused } : {}) });

  if (claimed.cancelled) return fail(cancelledStep);
  if (claimed.task.attempts > claimed.task.maxAttempts + MAX_LOST_ATTEMPTS) return fail(lost);
  const startedAt = performance.now();
  const count = (outcome: 'done' | 'failed' | 'again') =>
    performing.meters.attempt('step', claimed.task.stepKind, outcome, (performance.now() - startedAt) / 1000);
  let facts: JsonObject;
  try {
    const { task, instance } = claimed;
    const { stepKind, effectKey, input } = task;
    const { tenantId, timeoutMs } = work;
    const question = { tenantId, instance, stepKind, effectKey, timeoutMs, request: input as JsonObject };
    facts = await ask(performing, question, control.signal);
  } catch (failure) {
    if (control.wasCancelled()) return fail(cancelledStep);
    if (control.signal.aborted) throw failure;
    const known = stepError(failure);
    if (isFinal(known.error, claimed.task, work.retry)) {
      count('failed');
      return fail(known, claimed.task.attempts === 1 && !retryable(known.error.code));
    }
    count('again');
    await db.inTenant(scope, (tx) => countTaskFailure(tx, claimed.task.id, work.claim, known));
    throw failure;
  }
  count('done');
  return settle({ kind: 'step_completed', ...at, facts });
}

export const cancelledStep = { reason: 'CANCELLED', message: 'The run was cancelled while the step was under way.' };
const lost = { reason: 'STEP_LOST', message: 'The processes that performed the step died with it too often.' };

/** Claims a step for an attempt that begins, or for one that goes on. Undefined where the step has its outcome already. */
export async function claimStep(
  tx: Tx<Schema>,
  work: Assignment,
  attempt: 'begins' | 'goes on',
): Promise<Claimed | undefined> {
  // In one round trip.
  const [instance, task, cancel] = await Promise.all([
    findInstance(tx, work.instanceId),
    lockTask(tx, work),
    lastCancel(tx, work.instanceId),
  ]);
  if (instance === undefined || task === undefined || instance.driverEpoch !== work.epoch || task.claim >= work.claim) {
    throw staleDriver();
  }
  if (task.status !== 'running') return undefined;
  const counted = attempt === 'begins' ? 1 : 0;
  claimTask(tx, task.id, work.claim, counted);
  const input = task.inputAt === undefined ? task.input : await findPayload(tx, work.instanceId, task.inputAt, 'input');
  return { task: { ...task, input, attempts: task.attempts + counted }, instance, cancelled: cancel !== undefined };
}

/** Writes the outcome, if this attempt still is the one that may. */
export async function settleStep(
  performing: Performing,
  tx: Tx<Schema>,
  work: Assignment,
  outcome: JournalEntry,
): Promise<Driven> {
  const run = await lockRun(performing, tx, work.instanceId);
  const task = await lockTask(tx, work);
  if (task?.claim !== work.claim || task.status !== 'running') throw staleDriver();
  return driveOn(performing, tx, run, work.epoch, outcome);
}

/** Gives a step up that no attempt will finish: its activity was cancelled where nobody could write that down. */
export async function abandonStep(
  performing: Performing,
  work: Omit<Assignment, 'claim' | 'timeoutMs'>,
): Promise<Driven> {
  return performing.db.inTenant(driverScope(work.tenantId), async (tx) => {
    const run = await lockRun(performing, tx, work.instanceId);
    const task = await lockTask(tx, work);
    if (task?.status !== 'running') return driveOn(performing, tx, run, work.epoch);
    claimTask(tx, task.id, NEWEST_CLAIM);
    const { path, stepId, visit } = work;
    return driveOn(performing, tx, run, work.epoch, {
      kind: 'step_failed',
      path,
      stepId,
      visit,
      attempts: task.attempts,
      ...cancelledStep,
    });
  });
}

function isFinal(error: AppError, task: Task, retry: RetryPolicy): boolean {
  return !isTriedAgain(retry, error) || task.failures + 1 >= task.maxAttempts;
}
