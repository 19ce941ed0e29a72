import type { Tx } from '@flotilla/postgres';
import type { Moving } from '../commands/advance.ts';
import type { Drivers } from '../commands/drivers.ts';
import type { Run } from '../commands/run.ts';
import { beginsShort, type StartWish, startInstance } from '../commands/start-instance.ts';
import type { Instance } from '../db/instance-repository.ts';
import type { Schema } from '../db/schema.ts';
import type { Action } from '../domain/action.ts';
import type { Definition } from '../domain/definition.ts';
import type { Rides } from '../rides/rides.ts';
import type { Admission } from './admission.ts';
import type { Lane } from './lane.ts';

/** What starting runs needs besides. */
export interface Starting extends Moving {
  readonly lane: Lane;
  readonly admission: Admission;
  readonly drivers: Drivers;
  readonly rides: Pick<Rides, 'promise'>;
  readonly leaseMs: number;
}

/** A start that found out who is going to drive the run. */
export interface Start {
  /** Writes the run; where it begins in the lane, its first step too. May be called again when the transaction is repeated. */
  accept(tx: Tx<Schema>, wish: StartWish): Promise<Instance>;
  /** After the commit: begins. */
  go(): void;
  /** Nothing was started. */
  giveUp(): void;
}

/**
 * Runs that a lane takes begin there at once if it has a place for the tenant, and otherwise wait in the database for one.
 * Others are given to Temporal, which gives them back at once where it can: then what is known of them is kept.
 */
export function startFor(starting: Starting, tenantId: string, definition: Definition): Start {
  const { lane, admission, drivers, rides, leaseMs } = starting;
  const isFavoured = lane.takes(definition) && lane.isNew(tenantId);
  const place = lane.takes(definition) ? lane.reserve(tenantId) : undefined;
  const ridesAtOnce = !lane.takes(definition) && beginsShort(definition) && drivers.startHere();
  const ride = ridesAtOnce ? rides.promise(tenantId) : undefined;
  const unfavour = isFavoured && place !== undefined ? lane.favour(tenantId) : undefined;
  let begun: { readonly run: Run; readonly actions: readonly Action[]; readonly more: boolean } | undefined;

  async function accept(tx: Tx<Schema>, wish: StartWish): Promise<Instance> {
    const queues = place === undefined && lane.takes(definition);
    const driver =
      place === undefined ? (queues ? { name: 'queued' as const } : undefined) : { name: 'lane' as const, leaseMs };
    const moving = { ...starting, ...(ride && { performs: ride.performs }) };
    begun = await startInstance(moving, tx, { ...wish, ...(driver && { driver }) });
    return begun.run.instance;
  }

  return {
    accept,
    go() {
      unfavour?.();
      if (begun === undefined) return;
      const { id: instanceId, driverEpoch: epoch, driver } = begun.run.instance;
      const reference = { tenantId, instanceId, epoch };
      if (place !== undefined) lane.drive(place, { ...reference, ...begun });
      else if (driver === 'queued') admission.queued(tenantId);
      else if (begun.run.state.settled) ride?.giveUp();
      else {
        ride?.expect(reference, begun);
        drivers.start(reference);
      }
    },
    giveUp() {
      unfavour?.();
      place?.release();
      ride?.giveUp();
    },
  };
}
