import type { DescMessage } from '@bufbuild/protobuf';
import {
  CompensationFinishedSchema,
  CompensationResolvedSchema,
  CompensationStatus,
  InstanceCancelledSchema,
  InstanceCompletedSchema,
  InstanceFailedSchema,
  InstanceStartedSchema,
  StepFinishedSchema,
  TaskStatus,
} from '@flotilla/contracts/workflow';
import type { NewEvent } from '@flotilla/events';
import type { Tx } from '@flotilla/postgres';
import { insertCompensation, resolveCompensation, setCompensation } from '../db/compensation-repository.ts';
import type { Schema } from '../db/schema.ts';
import { finishTask, insertTask } from '../db/task-repository.ts';
import { stepOf } from '../domain/definition.ts';
import { outcomeEntry } from '../domain/enter.ts';
import type { JournalEntry, Recorded } from '../domain/journal.ts';
import type { JsonObject } from '../domain/json.ts';
import { visitKey } from '../domain/path.ts';
import { toInstanceSummary } from '../messages/instance-message.ts';
import type { Performers } from '../steps/performer.ts';
import type { Run } from './run.ts';

/** Where the projection of an entry goes. */
export interface Projection {
  readonly tx: Tx<Schema>;
  /** The entry's place in the journal. */
  readonly seq: number;
  readonly performers: Performers;
  readonly announce: <Desc extends DescMessage>(event: NewEvent<Desc>) => void;
}

/**
 * What an entry means for the tables that people read and for the topics that others follow. The run is as it is after the entry.
 * Answers what a step came to as soon as it waited.
 */
export async function projectEntry(
  projection: Projection,
  run: Run,
  entry: Recorded,
): Promise<JournalEntry | undefined> {
  if (entry.kind !== 'step_started') {
    await projectOther(projection, run, entry);
    return undefined;
  }
  const { tx, performers } = projection;
  const instanceId = run.instance.id;
  insertTask(tx, tx.scope.tenantId, {
    ...entry,
    instanceId,
    effectKey: entry.effectKey,
    maxAttempts: stepOf(run.definition, entry.stepId).retry.maxAttempts,
    startedAt: entry.occurredAt,
    seq: projection.seq,
  });
  if (entry.suspended === undefined) return undefined;
  const { path, stepId, visit, input, suspended } = entry;
  const wait = { instanceId, path, stepId, visit, request: input as JsonObject, wakeAt: suspended.wakeAt };
  const outcome = await performers.get(entry.stepKind)?.waits?.(tx, wait);
  return outcome && outcomeEntry({ path, stepId, visit }, outcome, 1);
}

async function projectOther(
  { tx, performers, announce, seq }: Projection,
  run: Run,
  entry: Exclude<Recorded, { kind: 'step_started' }>,
): Promise<void> {
  const instanceId = run.instance.id;
  const id = instanceId;
  switch (entry.kind) {
    case 'step_completed':
    case 'step_failed': {
      const failed = entry.kind === 'step_failed';
      const { path, stepId, visit } = entry;
      const stepKind = stepOf(run.definition, stepId).kind;
      const outcome = failed ? { failed: entry } : { facts: entry.facts };
      await performers.get(stepKind)?.waited?.(tx, { instanceId, path, stepId, visit }, outcome);
      finishTask(
        tx,
        { instanceId, path, visit },
        {
          output: failed ? undefined : (entry.facts['output'] ?? null),
          error: failed ? entry : undefined,
          completedAt: entry.occurredAt,
          attempts: entry.attempts,
          seq,
        },
      );
      const message = {
        instanceId,
        path,
        stepId,
        visit,
        stepKind,
        status: failed ? TaskStatus.FAILED : TaskStatus.COMPLETED,
        errorReason: failed ? entry.reason : '',
      };
      return announce({ schema: StepFinishedSchema, id, message });
    }
    case 'rollback_started':
      for (const place of run.state.rollbacks.get(visitKey(entry)) ?? []) registerUndo(tx, run, place);
      return;
    case 'undo_requested':
      for (let place = run.state.effects.size - 1; place >= 0; place -= 1) registerUndo(tx, run, place);
      return;
    case 'instance_failing':
      for (let place = run.state.effects.size - 1; place >= (entry.keeps ?? 0); place -= 1)
        registerUndo(tx, run, place);
      return;
    case 'undo_started':
    case 'undo_retried':
      return setCompensation(tx, { instanceId, ...entry }, { status: 'executing', at: entry.occurredAt });
    case 'undo_skipped': {
      const { path, visit, reason, requestedBy: resolvedBy } = entry;
      await resolveCompensation(tx, { instanceId, path, visit }, { reason, resolvedBy, at: entry.occurredAt });
      const message = { instanceId, path, visit, reason, resolvedBy };
      return announce({ schema: CompensationResolvedSchema, id, message });
    }
    case 'undo_completed':
    case 'undo_failed': {
      const failed = entry.kind === 'undo_failed';
      const { path, stepId, visit } = entry;
      setCompensation(
        tx,
        { instanceId, path, visit },
        {
          status: failed ? 'failed' : 'completed',
          at: entry.occurredAt,
          ...(failed ? { error: entry, attention: 'stuck' } : {}),
          ...(!failed && entry.unresolved ? { attention: 'unresolved' } : {}),
        },
      );
      const message = {
        instanceId,
        path,
        stepId,
        visit,
        status: failed ? CompensationStatus.FAILED : CompensationStatus.COMPLETED,
        errorReason: failed ? entry.reason : '',
      };
      return announce({ schema: CompensationFinishedSchema, id, message });
    }
    case 'instance_completed':
      return announce({
        schema: InstanceCompletedSchema,
        id,
        message: { instance: toInstanceSummary(run.instance) },
      });
    case 'instance_failed':
    case 'instance_timed_out':
      return announce({
        schema: InstanceFailedSchema,
        id,
        message: { instance: toInstanceSummary(run.instance) },
      });
    case 'instance_cancelled':
      return announce({
        schema: InstanceCancelledSchema,
        id,
        message: { instance: toInstanceSummary(run.instance) },
      });
    case 'instance_started':
      return announce({
        schema: InstanceStartedSchema,
        id,
        message: { instance: toInstanceSummary(run.instance) },
      });
    case 'instance_paused':
    case 'instance_resumed':
    case 'instance_retried':
    case 'signal_received':
    case 'approval_decided':
    case 'approval_delegated':
    case 'cancel_requested':
    case 'step_caught':
    case 'frame_completed':
    case 'frame_failed':
    case 'compensation_completed':
      return;
  }
}

/** Who is undone already, or is on the way, has been written down before. */
function registerUndo(tx: Tx<Schema>, { instance, state }: Run, place: number): void {
  const effect = state.effects.get(place);
  if (effect?.state !== 'registered') return;
  const { path, visit, undo } = effect;
  insertCompensation(tx, tx.scope.tenantId, { instanceId: instance.id, path, visit, ...undo });
}
