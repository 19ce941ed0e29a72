import { AppError } from '@flotilla/errors';
import type { Database, Tx } from '@flotilla/postgres';
import { findChild, findInstance, type Instance, reopenInstance } from '../db/instance-repository.ts';
import { lastCancel } from '../db/journal-repository.ts';
import type { Schema } from '../db/schema.ts';
import { findBySlug } from '../db/workflow-repository.ts';
import type { Outcome } from '../domain/journal.ts';
import { visitKey } from '../domain/path.ts';
import { effectKey } from '../domain/scope.ts';
import type { Place } from '../steps/performer.ts';
import type { WorkflowRequest } from '../steps/workflow/step.ts';
import { type Moving, moveOn } from './advance.ts';
import { cancelInstance } from './cancel-instance.ts';
import type { Drivers } from './drivers.ts';
import { driverScope } from './perform.ts';
import { lockRun } from './run.ts';
import { settleSuspended } from './settle-suspended.ts';
import { startInstance } from './start-instance.ts';

/** Runs inside of runs go no deeper. */
const MAX_DEPTH = 5;

/** Runs that steps of other runs started. */
export interface ChildRuns {
  /** In the transaction in which the step begins to wait. Answers an outcome where there is no run to wait for. */
  start(tx: Tx<Schema>, place: Place, request: WorkflowRequest): Promise<Outcome | undefined>;
  /** The step has been given up: the run is cancelled, as its parent was. */
  abandon(tx: Tx<Schema>, place: Place): Promise<void>;
  /** In the transaction in which a run ends: the step that started it has its outcome. */
  ended(tx: Tx<Schema>, child: Instance): Promise<void>;
  /** Has the run of a visit take back what it did, also where it had reached its goal; asked again, answers how far that is. */
  takeBack(tenantId: string, doKey: string): Promise<'done' | 'stuck' | 'running'>;
}

export function createChildRuns(needs: {
  readonly db: Database<Schema>;
  readonly moving: () => Moving;
  readonly drivers: () => Pick<Drivers, 'start' | 'cancel' | 'wake'>;
  readonly newId: () => string;
}): ChildRuns {
  const { db, moving, drivers, newId } = needs;

  async function begin(tx: Tx<Schema>, place: Place, request: WorkflowRequest): Promise<void> {
    const parent = await findInstance(tx, place.instanceId);
    if (parent === undefined) throw new AppError('not_found', 'INSTANCE_NOT_FOUND', 'There is no such run.');
    const depth = parent.depth + 1;
    if (depth > MAX_DEPTH) {
      throw new AppError('failed_precondition', 'CHILD_TOO_DEEP', `Runs inside of runs go at most ${MAX_DEPTH} deep.`);
    }
    const { instanceId, path, visit } = place;
    const key = effectKey(instanceId, path, visit, 'do');
    const id = newId();
    await startInstance(moving(), tx.causedBy(parent.causationDepth), {
      id,
      workflowId: request.workflowId ?? (await findBySlug(tx, request.workflowSlug ?? '')) ?? '',
      version: request.version,
      input: request.input,
      tags: parent.tags,
      grantId: parent.grantId,
      traceparent: parent.traceparent,
      startedBy: parent.createdBy,
      parent: { instanceId, path, visit, effectKey: key, depth },
    });
    tx.afterCommit(() => drivers().start({ tenantId: tx.scope.tenantId, instanceId: id, epoch: 1 }));
  }

  return {
    async start(tx, place, request) {
      try {
        await begin(tx, place, request);
        return undefined;
      } catch (error) {
        // Refused before anything was written; whatever else goes wrong, the step begins once more.
        if (!(error instanceof AppError) || !refusals.has(error.code)) throw error;
        return { failed: { reason: error.reason, message: error.message } };
      }
    },
    async abandon(tx, { instanceId, path, visit }) {
      const child = await findChild(tx, effectKey(instanceId, path, visit, 'do'));
      if (child === undefined || child.completedAt !== undefined) return;
      const undo = (await lastCancel(tx, instanceId))?.undo === 'none' ? 'none' : 'all';
      const reason = 'The run that started this one does not wait for it any more.';
      await cancelInstance(moving(), tx, { id: child.id, reason, requestedBy: tx.scope.actor.id, undo });
      tx.afterCommit(() => drivers().cancel(child.id));
    },
    async ended(tx, child) {
      const { parent } = child;
      if (parent === undefined) return;
      const run = await lockRun(moving(), tx, parent.instanceId);
      if (run.state.open.get(visitKey(parent))?.suspended === undefined) return; // given up
      await settleSuspended(moving(), tx, run, parent, outcomeOf(child));
      const { tenantId } = tx.scope;
      tx.afterCommit(() => drivers().wake({ tenantId, instanceId: parent.instanceId }));
    },
    takeBack: (tenantId, doKey) =>
      db.inTenant(driverScope(tenantId), async (tx) => {
        const child = await findChild(tx, doKey);
        if (child === undefined) return 'done'; // it was never started, and in this transaction's order never will be
        const run = await lockRun(moving(), tx, child.id);
        const { ended, settled, failing, kept, takenBack } = run.state;
        const said = { reason: 'The run that started this one is undone.', requestedBy: tx.scope.actor.id };
        if (!ended) {
          await cancelInstance(moving(), tx, { id: child.id, ...said, undo: 'all' });
          tx.afterCommit(() => drivers().cancel(child.id));
          return 'running';
        }
        if (takenBack || (failing !== undefined && kept === 0)) {
          return settled ? 'done' : run.instance.compensation === 'stuck' ? 'stuck' : 'running';
        }
        const driverEpoch = await reopenInstance(tx, child.id, child.grantId);
        const reopened = { ...run, instance: { ...run.instance, driverEpoch } };
        const moved = await moveOn(moving(), tx, reopened, driverEpoch, { kind: 'undo_requested', ...said });
        if (moved.run.state.settled) return 'done';
        tx.afterCommit(() => drivers().start({ tenantId, instanceId: child.id, epoch: driverEpoch }));
        return 'running';
      }),
  };
}

const refusals: ReadonlySet<string> = new Set(['not_found', 'failed_precondition', 'invalid_argument']);

const reasons = { failed: 'CHILD_FAILED', cancelled: 'CHILD_CANCELLED', timeout: 'CHILD_TIMED_OUT' } as const;

function outcomeOf({ id, status, output = {}, error }: Instance): Outcome {
  if (status === 'completed') return { facts: { output, instanceId: id } };
  const reason = status === 'cancelled' || status === 'timeout' ? reasons[status] : reasons.failed;
  return { failed: { reason, message: `The run ${id} did not reach its goal: ${error?.reason ?? status}.` } };
}
