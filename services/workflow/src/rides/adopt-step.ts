import { AppError } from '@flotilla/errors';
import { advance, type Driven } from '../commands/advance.ts';
import { type Assignment, type Control, driverScope, type Performing } from '../commands/perform.ts';
import { cancelledStep, claimStep, settleStep } from '../commands/perform-step.ts';
import { countTriedStep } from '../db/task-repository.ts';
import { visitKey } from '../domain/path.ts';
import type { InHand, StepInHand } from './in-hand.ts';

/**
 * Goes on with an attempt that a ride began in this process and left under way: claims the step, waits for what the attempt
 * comes to, and journals it as `performStep` would. Throws where the step should be tried again.
 */
export async function adoptStep(
  performing: Performing,
  inHand: InHand,
  { attempted, abort }: StepInHand,
  work: Assignment,
  control: Control,
): Promise<Driven> {
  const { db } = performing;
  const { path, stepId, visit } = work;
  const claimed = await db.inTenant(driverScope(work.tenantId), (tx) => claimStep(tx, work, 'goes on'));
  const scope = driverScope(work.tenantId, claimed?.instance.traceparent);
  const release = () => inHand.release(work.instanceId, visitKey(work));
  if (claimed === undefined) {
    release();
    return db.inTenant(scope, (tx) => advance(performing, tx, work.instanceId, work.epoch));
  }
  if (claimed.cancelled || control.signal.aborted) abort();
  control.signal.addEventListener('abort', abort, { once: true });
  const result = await attempted.finally(() => control.signal.removeEventListener('abort', abort));
  if ('outcome' in result) {
    const moved = await db.inTenant(scope, (tx) => settleStep(performing, tx, work, result.outcome));
    release();
    return moved;
  }
  release();
  if (claimed.cancelled || control.wasCancelled()) {
    const outcome = { kind: 'step_failed', path, stepId, visit, attempts: claimed.task.attempts } as const;
    return db.inTenant(scope, (tx) => settleStep(performing, tx, work, { ...outcome, ...cancelledStep }));
  }
  if ('broken' in result) throw result.broken;
  if ('stopped' in result) throw new AppError('unavailable', 'STEP_STOPPED', 'The attempt was given up.');
  const { tried } = result;
  // This attempt is counted already.
  const counted = { ...tried, attempts: tried.attempts - 1 };
  await db.inTenant(scope, async (tx) => countTriedStep(tx, work, counted, work.claim));
  const { code, reason, message } = tried.error;
  throw new AppError(code, reason, message, { cause: tried.error, retryAfterMs: tried.pauseMs });
}
