import { AppError } from '@flotilla/errors';
import type { Tx } from '@flotilla/postgres';
import type { ParentStep } from '../db/instance-repository.ts';
import { asStored } from '../db/json-column.ts';
import type { Schema } from '../db/schema.ts';
import { shareWorkflow } from '../db/workflow-repository.ts';
import type { Action } from '../domain/action.ts';
import type { Definition } from '../domain/definition.ts';
import { viewOf } from '../domain/instance.ts';
import type { JsonObject } from '../domain/json.ts';
import { emptyState } from '../domain/run-state.ts';
import { versionToStart } from '../domain/workflow.ts';
import { type Moving, moveOn } from './advance.ts';
import { type Run, record } from './run.ts';

/** What a run is started with. */
export interface StartWish {
  readonly id: string;
  readonly workflowId: string;
  readonly input: JsonObject;
  readonly tags: readonly string[];
  readonly grantId: string;
  readonly traceparent: string;
  readonly startedBy: string;
  /** None, or 0: the active one. */
  readonly version?: number;
  /** The step of another run that starts it. */
  readonly parent?: ParentStep & { readonly effectKey: string; readonly depth: number };
  /** Who is going to drive the run; Temporal unless said. A lane has it for itself for the time of the lease. */
  readonly driver?: { readonly name: 'queued' } | { readonly name: 'lane'; readonly leaseMs: number };
}

/** What its row begins with. */
const newborn = { driverEpoch: 1, journalLength: 0, wakeWanted: false, revision: 0 };

/** Accepts a run: its row and the first entry of its journal. Who drives it is started after the commit. */
export async function startInstance(
  moving: Moving,
  tx: Tx<Schema>,
  wish: StartWish,
): Promise<{ readonly run: Run; readonly actions: readonly Action[]; readonly more: boolean }> {
  const workflow = await shareWorkflow(tx, wish.workflowId);
  if (workflow === undefined) throw new AppError('not_found', 'WORKFLOW_NOT_FOUND', 'There is no such workflow.');
  const version = versionToStart(workflow, wish.version);
  const definition = await moving.definitions.ofVersion(tx, workflow.id, version);
  if (!wish.version) moving.definitions.remember(tx.scope.tenantId, workflow.id, definition);
  definition.checkInput(wish.input);
  const { id, tags, grantId, traceparent, driver } = wish;
  const input = asStored(wish.input);
  const at = moving.now();
  const accepted = {
    id,
    input,
    tags,
    grantId,
    traceparent,
    workflowId: workflow.id,
    workflowVersion: version,
    workflowSlug: workflow.slug,
    stepsTotal: definition.steps.size,
    parent: wish.parent,
    createdBy: wish.startedBy,
    createdAt: at,
    driver: driver?.name ?? ('temporal' as const),
  };
  const depth = wish.parent?.depth ?? 0;
  const instance = {
    ...accepted,
    ...newborn,
    depth,
    ...viewOf(emptyState),
    causationDepth: tx.scope.causationDepth ?? 0,
  };
  const birth = { instance: accepted, leaseMs: driver?.name === 'lane' ? driver.leaseMs : 0 };
  const before: Run = { instance, definition, state: emptyState, birth };
  const entry = { kind: 'instance_started', input } as const;
  // The first step is begun at once where that is a short one; what waits, and runs inside of runs, are begun by their driver.
  if (driver?.name === 'lane' || (driver === undefined && wish.parent === undefined && beginsShort(definition)))
    return moveOn(moving, tx, before, instance.driverEpoch, entry);
  const run = await record(moving, tx, before, instance.driverEpoch, [{ ...entry, occurredAt: at.toISOString() }]);
  return { run, actions: [], more: false };
}

/** Whether a run begins with a step that asks at once, or needs to ask nobody. */
export function beginsShort({ steps, start }: Definition): boolean {
  const first = steps.get(start);
  return first?.takesLong !== true && first?.suspend === undefined;
}
