import type { Drivers } from '../commands/drivers.ts';
import type { Lane } from './lane.ts';

/** Whoever drives a run, a lane of this process or Temporal, hears of what commands did to it. */
export function driversWith(lane: Lane, temporal: Drivers): Drivers {
  return {
    ...temporal,
    cancel(instanceId) {
      if (!lane.poke(instanceId)) temporal.cancel(instanceId);
    },
    wake(run) {
      if (!lane.poke(run.instanceId)) temporal.wake(run);
    },
  };
}
