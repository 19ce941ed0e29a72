import { AppError } from '@flotilla/errors';
import type { Tx } from '@flotilla/postgres';
import { type Instance, reopenInstance } from '../db/instance-repository.ts';
import type { Schema } from '../db/schema.ts';
import type { JsonObject } from '../domain/json.ts';
import { planRetry } from '../domain/retry.ts';
import { type Moving, moveOn } from './advance.ts';
import { lockRun } from './run.ts';

/** Has a run that did not reach its goal go on from a step, for whoever asks. Its new driver is started after the commit. */
export async function retryInstance(
  moving: Moving,
  tx: Tx<Schema>,
  wish: {
    readonly id: string;
    readonly stepId: string;
    readonly input: JsonObject | undefined;
    readonly reason: string;
    readonly requestedBy: string;
    readonly grantId: string;
  },
): Promise<Instance> {
  const run = await lockRun(moving, tx, wish.id);
  const { input, reason, requestedBy, grantId } = wish;
  if (run.instance.parent !== undefined) {
    const message = 'A step of another run started this one: retry that one from the step.';
    throw new AppError('failed_precondition', 'INSTANCE_INSIDE', message);
  }
  const { stepId } = planRetry(run.definition, run.state, wish);
  const driverEpoch = await reopenInstance(tx, wish.id, grantId);
  const reopened = { ...run, instance: { ...run.instance, driverEpoch, grantId } };
  const moved = await moveOn(moving, tx, reopened, driverEpoch, {
    kind: 'instance_retried',
    stepId,
    reason,
    requestedBy,
    ...(input === undefined ? {} : { input }),
  });
  return moved.run.instance;
}
