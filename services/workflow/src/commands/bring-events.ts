import type { Tx } from '@flotilla/postgres';
import { findEventWaits } from '../db/event-wait-repository.ts';
import type { Schema } from '../db/schema.ts';
import { type EventWait, isAwaited } from '../domain/event-wait.ts';
import type { Outcome } from '../domain/journal.ts';
import type { JsonObject } from '../domain/json.ts';
import { visitKey } from '../domain/path.ts';
import type { Moving } from './advance.ts';
import type { Drivers } from './drivers.ts';
import { stepError } from './perform.ts';
import { lockRun } from './run.ts';
import { settleSuspended } from './settle-suspended.ts';

/** What bringing events to runs needs from outside. */
export interface Bringing extends Moving {
  readonly drivers: Pick<Drivers, 'wake'>;
  /** Told after each change of a run. */
  readonly moved: (instanceId: string) => void;
}

/** An event of the tenant. */
export interface CameEvent {
  readonly id: string;
  readonly type: string;
  readonly value: JsonObject;
  readonly occurredAt: Date;
}

/** Brings events, in whatever order they came, to the steps that wait for them: each step takes the earliest one that fits. */
export async function bringEvents(bringing: Bringing, tx: Tx<Schema>, came: readonly CameEvent[]): Promise<void> {
  const inOrder = came.toSorted((one, other) => one.occurredAt.getTime() - other.occurredAt.getTime());
  // Run by run, so that two transactions lock those that both have in one order.
  for (const wait of await findEventWaits(tx, [...new Set(came.map(({ type }) => type))])) {
    const outcome = firstOutcome(wait, inOrder);
    if (outcome === undefined) continue;
    const { instanceId } = wait;
    const run = await lockRun(bringing, tx, instanceId);
    // Its time may have come, or another event, before the run was locked.
    if (run.state.open.get(visitKey(wait))?.suspended === undefined) continue;
    await settleSuspended(bringing, tx, run, wait, outcome);
    const { tenantId } = tx.scope;
    tx.afterCommit(() => {
      bringing.drivers.wake({ tenantId, instanceId });
      bringing.moved(instanceId);
    });
  }
}

/** A condition that does not suit an event fails the step: nobody would ever hear of it otherwise. */
function firstOutcome(wait: EventWait, came: readonly CameEvent[]): Outcome | undefined {
  for (const { id, type, value, occurredAt } of came) {
    if (type !== wait.eventType) continue;
    try {
      if (!isAwaited(wait, value)) continue;
    } catch (failure) {
      const { reason, message } = stepError(failure);
      return { failed: { reason, message } };
    }
    return { facts: { output: value, eventId: id, occurredAt: occurredAt.toISOString(), expired: false } };
  }
  return undefined;
}
