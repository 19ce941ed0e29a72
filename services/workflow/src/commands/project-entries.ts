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
import type { TaskMove } from '../db/move-repository.ts';
import { type Definition, stepOf } from '../domain/definition.ts';
import type { Recorded, Visit } from '../domain/journal.ts';
import { visitKey } from '../domain/path.ts';
import { toInstanceSummary } from '../messages/instance-message.ts';
import type { Run } from './run.ts';

/** What entries behind `length` mean for the tasks that people read; a visit that is begun and ended among them is one of them. */
export function taskMoves(
  definition: Definition,
  length: number,
  entries: readonly Recorded[],
  performs: boolean,
): TaskMove[] {
  const tasks = new Map<string, TaskMove>();
  const add = (visit: Visit, change: Partial<TaskMove>): void => {
    const { path, stepId, visit: time } = visit;
    const { kind: stepKind, retry } = stepOf(definition, stepId);
    const fresh = { path, stepId, visit: time, stepKind, maxAttempts: retry.maxAttempts };
    tasks.set(visitKey(visit), { ...(tasks.get(visitKey(visit)) ?? fresh), ...change });
  };
  for (const [index, entry] of entries.entries()) {
    const seq = length + index + 1;
    const { occurredAt: at } = entry;
    if (entry.kind === 'step_started') {
      const { stepKind, input, effectKey } = entry;
      const attempts = performs && effectKey !== undefined ? 1 : 0;
      add(entry, { stepKind, begun: { seq, at, input, effectKey, attempts } });
    } else if (entry.kind === 'step_completed') {
      const { facts, attempts } = entry;
      add(entry, { ended: { seq, at, attempts, output: facts['output'] ?? null, error: undefined } });
    } else if (entry.kind === 'step_failed') {
      add(entry, { ended: { seq, at, attempts: entry.attempts, output: undefined, error: entry } });
    }
  }
  return [...tasks.values()];
}

/** What others are told of an entry, if anything. The run is as it is after all that is written with the entry. */
export function eventOf({ instance, definition }: Run, entry: Recorded): NewEvent<DescMessage> | undefined {
  const { id } = instance;
  const event = <Desc extends DescMessage>(one: Omit<NewEvent<Desc>, 'id'>) =>
    ({ ...one, id }) as NewEvent<DescMessage>;
  const summary = () => ({ instance: toInstanceSummary(instance) });
  switch (entry.kind) {
    case 'instance_started':
      return event({ schema: InstanceStartedSchema, message: summary() });
    case 'instance_completed':
      return event({ schema: InstanceCompletedSchema, message: summary() });
    case 'instance_failed':
    case 'instance_timed_out':
      return event({ schema: InstanceFailedSchema, message: summary() });
    case 'instance_cancelled':
      return event({ schema: InstanceCancelledSchema, message: summary() });
    case 'step_completed':
    case 'step_failed': {
      const failed = entry.kind === 'step_failed';
      const { path, stepId, visit } = entry;
      const message = {
        ...{ instanceId: id, path, stepId, visit, stepKind: stepOf(definition, stepId).kind },
        status: failed ? TaskStatus.FAILED : TaskStatus.COMPLETED,
        errorReason: failed ? entry.reason : '',
      };
      return event({ schema: StepFinishedSchema, message });
    }
    case 'undo_completed':
    case 'undo_failed': {
      const failed = entry.kind === 'undo_failed';
      const { path, stepId, visit } = entry;
      const message = {
        ...{ instanceId: id, path, stepId, visit },
        status: failed ? CompensationStatus.FAILED : CompensationStatus.COMPLETED,
        errorReason: failed ? entry.reason : '',
      };
      return event({ schema: CompensationFinishedSchema, message });
    }
    case 'undo_skipped': {
      const { path, visit, reason, requestedBy: resolvedBy } = entry;
      return event({
        schema: CompensationResolvedSchema,
        message: { instanceId: id, path, visit, reason, resolvedBy },
      });
    }
    default:
      return undefined;
  }
}
