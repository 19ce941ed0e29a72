import { type AppError, retryable, toAppError } from '@flotilla/errors';
import type { Database, TransactionScope, Tx } from '@flotilla/postgres';
import {
  countAhead,
  type FiringLease,
  hastenOldest,
  lockLeased,
  postponeFiring,
  runsUnderWay,
  settleFiring,
} from '../db/firing-repository.ts';
import { markSource } from '../db/instance-repository.ts';
import { countRun, lockSchedule } from '../db/schedule-repository.ts';
import type { Schema } from '../db/schema.ts';
import { countFiring, lockTrigger } from '../db/trigger-repository.ts';
import { type Firing, pauseAfter } from '../domain/firing.ts';
import { decideOverlap, type OverlapDecision, type Schedule } from '../domain/schedule.ts';
import { type Start, type Starting, startFor } from '../lane/start-run.ts';
import { definitionToStart } from '../queries/workflows.ts';
import { announceFiring } from './announce-firing.ts';
import { cancelInstance } from './cancel-instance.ts';

/** Who a firing acts for, as they are now. */
export interface Starter {
  readonly userId: string;
  readonly actor: TransactionScope['actor'];
  /** The grant of the run that is about to start. */
  readonly grantId: string;
}

/** What starting runs without a caller needs from outside. */
export interface Launching extends Starting {
  readonly db: Database<Schema>;
  readonly newId: () => string;
  /** Throws `permission_denied` GRANT_REVOKED when whoever set it up may not start runs any more. */
  readonly starterOf: (source: { tenantId: string; grantId: string; firingId: string }) => Promise<Starter>;
}

const WAIT_MS = 1_000;
const WAIT_BEHIND_MS = 60_000;

/** Starts the run of an accepted firing, or settles that there is none. What fails for a while is tried again. */
export async function launchFiring(launching: Launching, lease: FiringLease): Promise<void> {
  const { db, drivers } = launching;
  const scope: TransactionScope = { tenantId: lease.tenantId, actor: { type: 'service', id: 'workflow' } };
  try {
    const source = await db.inTenant(scope, (tx) => prepare(launching, tx, lease));
    if (source === undefined) return;
    const starter = await launching.starterOf({ ...source, tenantId: lease.tenantId, firingId: lease.id });
    const { userId, actor } = starter;
    const { causationDepth, traceparent } = source;
    const acting = { tenantId: lease.tenantId, userId, actor, traceparent, causationDepth };
    const start = startFor(launching, lease.tenantId, source.definition);
    const launched = await db
      .inTenant(acting, (tx) => launch(launching, tx, lease, { starter, start }))
      .catch((error: unknown) => {
        start.giveUp();
        throw error;
      });
    if (launched === undefined) return start.giveUp();
    start.go();
    if (launched.cancelled !== undefined) drivers.cancel(launched.cancelled);
  } catch (failure) {
    await db.inTenant(scope, (tx) => takeFailure(tx, lease, toAppError(failure)));
  }
}

/** What has to be known before anybody else is asked. Settles a firing whose source is gone. */
async function prepare(launching: Launching, tx: Tx<Schema>, lease: FiringLease) {
  const firing = await lockLeased(tx, lease);
  if (firing === undefined) return undefined;
  const source = await lockSource(tx, firing);
  if (source === undefined) {
    await settleFiring(tx, firing.id, { status: 'skipped', error: switchedOff });
    return undefined;
  }
  const { traceparent, causationDepth } = firing;
  const definition = await definitionToStart(launching, tx, firing.workflowId);
  return { grantId: source.grantId, definition, traceparent, causationDepth };
}

const switchedOff = { reason: 'SOURCE_SWITCHED_OFF', message: 'What fired was switched off or removed meanwhile.' };

async function launch(
  launching: Launching,
  tx: Tx<Schema>,
  lease: FiringLease,
  { starter, start }: { readonly starter: Starter; readonly start: Start },
): Promise<{ readonly cancelled: string | undefined } | undefined> {
  const firing = await lockLeased(tx, lease);
  if (firing === undefined) return undefined;
  const source = await lockSource(tx, firing);
  const decision = source === undefined ? undefined : await overlapOf(tx, firing, source);
  if (decision === undefined || decision.type === 'skip') {
    const error = decision === undefined ? switchedOff : { reason: decision.reason, message: overlapped };
    await announceFiring(tx, await settleFiring(tx, firing.id, { status: 'skipped', error }));
    return undefined;
  }
  if (decision.type === 'wait') {
    const ahead = await countAhead(tx, firing);
    const pauseMs = ahead > 0 ? WAIT_BEHIND_MS : WAIT_MS;
    await postponeFiring(tx, firing.id, { pauseMs, failed: false, reason: 'OVERLAP_WAITING', message: overlapped });
    return undefined;
  }
  const { cancel } = decision;
  if (cancel !== undefined) {
    const reason = 'Its schedule has started the next run.';
    await cancelInstance(launching, tx, { id: cancel, reason, requestedBy: starter.userId });
  }
  const instance = await start.accept(tx, {
    id: launching.newId(),
    workflowId: firing.workflowId,
    input: firing.input,
    tags: [],
    grantId: starter.grantId,
    traceparent: firing.traceparent,
    startedBy: starter.userId,
  });
  await markSource(tx, instance.id, firing.sourceId);
  if (source?.schedule === undefined) await countFiring(tx, firing.sourceId, undefined);
  else await countRun(tx, firing.sourceId, firing.nominalAt);
  await announceFiring(tx, await settleFiring(tx, firing.id, { status: 'started', instanceId: instance.id }));
  await hastenOldest(tx, firing.sourceId);
  return { cancelled: cancel };
}

const overlapped = 'As many runs of the schedule as allowed are under way.';

/** What fired: by whose grant it acts, and the schedule whose overlap policy holds, if it is one. */
interface Source {
  readonly grantId: string;
  readonly schedule: Schedule | undefined;
}

/** Undefined where it is gone, or switched off: then only what somebody asked for goes on. */
async function lockSource(tx: Tx<Schema>, { source, sourceId, cause }: Firing): Promise<Source | undefined> {
  if (source === 'trigger') {
    const trigger = await lockTrigger(tx, sourceId);
    if (trigger === undefined || (trigger.status === 'disabled' && cause !== 'call')) return undefined;
    return { grantId: trigger.grantId, schedule: undefined };
  }
  const schedule = await lockSchedule(tx, sourceId);
  if (schedule === undefined || (schedule.status === 'paused' && cause !== 'call')) return undefined;
  return { grantId: schedule.grantId, schedule };
}

/** What somebody asked for starts at once. */
async function overlapOf(tx: Tx<Schema>, firing: Firing, { schedule }: Source): Promise<OverlapDecision> {
  if (firing.cause === 'call' || schedule === undefined) return { type: 'start' };
  const running = await runsUnderWay(tx, firing.sourceId, schedule.maxConcurrentExecutions);
  return decideOverlap(schedule, { running, ahead: await countAhead(tx, firing) });
}

async function takeFailure(tx: Tx<Schema>, lease: FiringLease, error: AppError): Promise<void> {
  const firing = await lockLeased(tx, lease);
  if (firing === undefined) return;
  const { reason, message } = error;
  const pauseMs = retryable(error.code) ? pauseAfter(firing.attempts) : undefined;
  if (pauseMs !== undefined) {
    await postponeFiring(tx, firing.id, { pauseMs, failed: true, reason, message });
    return;
  }
  if (firing.source === 'trigger') await countFiring(tx, firing.sourceId, reason);
  await announceFiring(tx, await settleFiring(tx, firing.id, { status: 'failed', error: { reason, message } }));
  await hastenOldest(tx, firing.sourceId);
}
