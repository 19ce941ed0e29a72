import { InstanceStartedSchema } from '@flotilla/contracts/workflow';
import { AppError } from '@flotilla/errors';
import { appendEvent } from '@flotilla/events';
import type { Tx } from '@flotilla/postgres';
import { findInstance, insertInstance } from '../db/instance-repository.ts';
import { asStored } from '../db/json-column.ts';
import type { Schema } from '../db/schema.ts';
import { shareWorkflow } from '../db/workflow-repository.ts';
import type { JsonObject } from '../domain/json.ts';
import { emptyState } from '../domain/run-state.ts';
import { versionToStart } from '../domain/workflow.ts';
import { toInstanceSummary } from '../messages/instance-message.ts';
import type { Moving } from './advance.ts';
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
  /** Who is going to drive the run; Temporal unless said. A lane has it for itself for the time of the lease. */
  readonly driver?: { readonly name: 'queued' } | { readonly name: 'lane'; readonly leaseMs: number };
}

/** Accepts a run: its row and the first entry of its journal. Who drives it is started after the commit. */
export async function startInstance(moving: Moving, tx: Tx<Schema>, wish: StartWish): Promise<Run> {
  const workflow = await shareWorkflow(tx, wish.workflowId);
  if (workflow === undefined) throw new AppError('not_found', 'WORKFLOW_NOT_FOUND', 'There is no such workflow.');
  const version = versionToStart(workflow);
  const definition = await moving.definitions.ofVersion(tx, workflow.id, version);
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
    createdBy: wish.startedBy,
    createdAt: at,
    driver: driver?.name ?? ('temporal' as const),
  };
  await insertInstance(tx, tx.scope.tenantId, accepted, driver?.name === 'lane' ? driver.leaseMs : 0);
  const instance = await findInstance(tx, id);
  if (instance === undefined) throw new AppError('internal', 'INSTANCE_LOST', 'Something went wrong on our side.');
  const run = { instance, definition, state: emptyState };
  const started = await record(moving, tx, run, instance.driverEpoch, [
    { kind: 'instance_started', input, occurredAt: at.toISOString() },
  ]);
  await appendEvent(tx, {
    schema: InstanceStartedSchema,
    id,
    message: { instance: toInstanceSummary(started.instance) },
  });
  return started;
}
