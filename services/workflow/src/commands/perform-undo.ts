import { AppError } from '@flotilla/errors';
import type { Tx } from '@flotilla/postgres';
import {
  type Compensation,
  claimCompensation,
  countCompensationFailure,
  lockCompensation,
} from '../db/compensation-repository.ts';
import { findInstance } from '../db/instance-repository.ts';
import type { Schema } from '../db/schema.ts';
import { stepOf } from '../domain/definition.ts';
import { afterUndo } from '../domain/fold-effects.ts';
import type { JournalEntry, Visit } from '../domain/journal.ts';
import { visitKey } from '../domain/path.ts';
import { effectKey } from '../domain/scope.ts';
import { stepError } from '../domain/step-error.ts';
import { advance, type Driven, driveOn } from './advance.ts';
import { type Assignment, attemptWithin, type Control, driverScope, type Performing } from './perform.ts';
import { lockRun, type Run, staleDriver } from './run.ts';

interface Claimed {
  readonly undo: Compensation;
  readonly traceparent: string;
  readonly causationDepth: number;
}

/**
 * Makes one attempt at an undo. It acts as this service: the undo must go on when whoever started the run may not act any more.
 * Whatever the refusal, it is tried again; after a few quick tries it is journaled as stuck, and goes on slowly.
 */
export async function performUndo(
  performing: Performing,
  work: Assignment & { readonly pace: 'quick' | 'slow' },
  control: Control,
): Promise<Driven> {
  const { db } = performing;
  const claimed = await db.inTenant(driverScope(work.tenantId), (tx) => claim(tx, work));
  const scope = driverScope(work.tenantId, claimed?.traceparent);
  if (claimed === undefined) return db.inTenant(scope, (tx) => advance(performing, tx, work.instanceId, work.epoch));
  const { undo } = claimed;
  const settle = (outcome: JournalEntry) => db.inTenant(scope, (tx) => settleUndo(performing, tx, work, outcome));
  const at = { path: work.path, stepId: work.stepId, visit: work.visit, attempts: undo.attempts };
  const startedAt = performance.now();
  const count = (outcome: 'done' | 'failed' | 'again') =>
    performing.meters.attempt('undo', undo.stepKind, outcome, (performance.now() - startedAt) / 1000);
  try {
    await attempt(performing, work, claimed, control);
  } catch (failure) {
    if (control.signal.aborted) throw failure;
    const known = stepError(failure);
    const isStuck = work.pace === 'quick' && undo.failures + 1 >= performing.quickUndoAttempts;
    count(isStuck ? 'failed' : 'again');
    if (isStuck) return settle({ kind: 'undo_failed', ...at, reason: known.reason, message: known.message });
    await db.inTenant(scope, (tx) => countCompensationFailure(tx, undo.id, work.claim, known));
    throw failure;
  }
  count('done');
  return settle({ kind: 'undo_completed', ...at });
}

async function attempt(
  performing: Performing,
  work: Assignment,
  { undo, traceparent, causationDepth }: Claimed,
  control: Control,
): Promise<void> {
  const performer = performing.performers.get(undo.stepKind);
  if (performer?.undo === undefined) throw new Error(`Nobody undoes steps of kind ${undo.stepKind}.`);
  const withdraw = performer.undo.bind(performer);
  const { instanceId, tenantId, path, visit, timeoutMs } = work;
  const spanName = `undo ${undo.stepKind}`;
  const place = { traceparent, causationDepth, spanName, timeoutMs, cancel: control.signal };
  await attemptWithin(place, async (limits) =>
    withdraw({
      ...limits,
      instanceId,
      tenantId,
      token: await performing.ownToken(tenantId),
      request: undo.request,
      effectKey: undo.effectKey,
      doKey: effectKey(instanceId, path, visit, 'do'),
    }),
  );
}

/** Undefined where the undo is done already. */
async function claim(
  tx: Tx<Schema>,
  work: Assignment & { readonly pace: 'quick' | 'slow' },
): Promise<Claimed | undefined> {
  const instance = await findInstance(tx, work.instanceId);
  const undo = await lockCompensation(tx, work);
  if (instance === undefined || undo === undefined || instance.driverEpoch !== work.epoch || undo.claim >= work.claim) {
    throw staleDriver();
  }
  if (undo.status !== (work.pace === 'quick' ? 'executing' : 'failed')) return undefined;
  await claimCompensation(tx, undo.id, work.claim);
  return {
    undo: { ...undo, attempts: undo.attempts + 1 },
    traceparent: instance.traceparent,
    causationDepth: instance.causationDepth,
  };
}

/** Writes the outcome, if this attempt still is the one that may. */
async function settleUndo(
  performing: Performing,
  tx: Tx<Schema>,
  work: Assignment,
  outcome: JournalEntry,
): Promise<Driven> {
  const run = await lockRun(performing, tx, work.instanceId);
  const undo = await lockCompensation(tx, work);
  if (undo?.claim !== work.claim || undo.status === 'completed') throw staleDriver();
  if (outcome.kind !== 'undo_completed') return driveOn(performing, tx, run, work.epoch, outcome);
  const after = afterwards(run, work, undo, performing.now());
  if (after === 'again') {
    throw new AppError(
      'unavailable',
      'UNDO_REPEATED',
      'A request of the effect may still be on its way: undone once more.',
    );
  }
  return driveOn(performing, tx, run, work.epoch, after === 'done' ? outcome : { ...outcome, unresolved: true });
}

function afterwards({ state, definition }: Run, at: Visit, { startedAt }: Compensation, now: Date) {
  const effect = state.effects.get(state.effectAt.get(visitKey(at)) ?? -1);
  if (effect === undefined || startedAt === undefined) return 'done';
  return afterUndo(effect, { startedAt, now, attemptTimeoutMs: stepOf(definition, at.stepId).timeoutMs });
}
