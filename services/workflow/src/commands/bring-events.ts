import { arrivalsOf, noteArrivals } from '@flotilla/events';
import type { Database, TransactionScope, Tx } from '@flotilla/postgres';
import type { Schema } from '../db/schema.ts';
import type { EventConditions } from '../domain/event-wait.ts';
import { visitKey } from '../domain/path.ts';
import { type Awaiting, awaitingSteps, type CameEvent } from '../queries/awaiting-steps.ts';
import type { Moving } from './advance.ts';
import type { Drivers } from './drivers.ts';
import { lockRun } from './run.ts';
import { settleSuspended } from './settle-suspended.ts';

/** What bringing events to runs needs from outside. */
export interface Bringing extends Moving {
  readonly db: Database<Schema>;
  readonly conditions: EventConditions;
  readonly drivers: Pick<Drivers, 'wake'>;
}

/** Under this name the arrivals of events are noted that end more waits than one transaction does. */
const NAME = 'workflow-waits';
/** So many waits end in one transaction: each locks a run and moves it on. */
const AT_ONCE = 50;

/**
 * Finds the steps that wait for these events, outside of any transaction that writes. The last of them, mostly all, are ended by
 * what is answered, in the transaction that remembers the events; those before, some at a time, at once. Whoever dies in
 * between is told the events again, and ends the others: a wait that began after an event had come is not its.
 */
export async function prepareBringing(
  bringing: Bringing,
  scope: TransactionScope,
  came: readonly CameEvent[],
  alive: () => Promise<void>,
): Promise<(tx: Tx<Schema>, fresh: ReadonlySet<string>) => Promise<void>> {
  const { db } = bringing;
  const ids = came.map(({ id }) => id);
  const arrivals = await db.inTenant(scope, (tx) => arrivalsOf(tx, NAME, ids));
  let awaiting: Awaiting[] = [];
  for await (const one of awaitingSteps(bringing, scope, { came, arrivals, alive })) {
    if (awaiting.length === AT_ONCE) {
      const some = awaiting;
      awaiting = [];
      await db.inTenant(scope, async (tx) => {
        await noteArrivals(tx, NAME, arrivals);
        await bringEvents(bringing, tx, some);
      });
      await alive();
    }
    awaiting.push(one);
  }
  return (tx, fresh) =>
    bringEvents(
      bringing,
      tx,
      awaiting.filter(({ event }) => fresh.has(event.id)),
    );
}

async function bringEvents(bringing: Bringing, tx: Tx<Schema>, awaiting: readonly Awaiting[]): Promise<void> {
  // Run by run, so that two transactions lock those that both have in one order.
  const inOrder = awaiting.toSorted((one, other) => (one.wait.instanceId < other.wait.instanceId ? -1 : 1));
  for (const { wait, outcome } of inOrder) {
    const { instanceId } = wait;
    const run = await lockRun(bringing, tx, instanceId);
    // Its time may have come, or another event, before the run was locked.
    if (run.state.open.get(visitKey(wait))?.suspended === undefined) continue;
    await settleSuspended(bringing, tx, run, wait, outcome);
    const { tenantId } = tx.scope;
    tx.afterCommit(() => bringing.drivers.wake({ tenantId, instanceId }));
  }
}
