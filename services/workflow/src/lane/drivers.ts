import type { Drivers } from '../commands/drivers.ts';
import type { Rides } from '../rides/rides.ts';
import type { Lane } from './lane.ts';

/** Whoever drives a run, a lane of this process or Temporal, hears of what commands did to it. */
export function driversWith(lane: Lane, rides: Pick<Rides, 'poke'>, temporal: Drivers): Drivers {
  return {
    ...temporal,
    cancel(instanceId) {
      rides.poke(instanceId);
      if (!lane.poke(instanceId)) temporal.cancel(instanceId);
    },
    wake(run) {
      rides.poke(run.instanceId);
      if (!lane.poke(run.instanceId)) temporal.wake(run);
    },
  };
}
