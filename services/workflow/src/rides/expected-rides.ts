import type { Moving } from '../commands/advance.ts';
import type { Place } from '../lane/places.ts';
import type { RunReference } from '../temporal/contract.ts';
import { firstAttempts, type Known } from './ride-moves.ts';

/** A run whose first move counted the first attempts at its steps, for a ride that comes next. */
export interface ExpectedRide {
  readonly place: Place;
  readonly known: Known;
  /** Visits whose first attempt is the ride's. */
  readonly own: ReadonlySet<string>;
  /** Whether a command has written the journal since. */
  readonly isStale: boolean;
}

/** A ride that has its place before its run is there. */
export interface PromisedRide {
  /** For the run's first move; of several tries the last one counts. */
  readonly performs: NonNullable<Moving['performs']>;
  /** After the commit: the driver of the run is started at once. */
  expect(reference: RunReference, known: Known): void;
  giveUp(): void;
}

/** Runs that were accepted in this process, and whose driver is expected to begin here within a moment. */
export interface ExpectedRides {
  promise(place: Place): PromisedRide;
  take(reference: RunReference): ExpectedRide | undefined;
  /** A command has written the run's journal. */
  spoil(instanceId: string): void;
}

/** After that it is not known any more who has the run. The driver that comes later finds steps that were tried: they become activities. */
const EXPECTED_MS = 1_000;

export function createExpectedRides(): ExpectedRides {
  const expected = new Map<string, { epoch: number; timer: NodeJS.Timeout; ride: ExpectedRide }>();

  function forget(instanceId: string): void {
    clearTimeout(expected.get(instanceId)?.timer);
    expected.delete(instanceId);
  }

  return {
    promise(place) {
      let own: ReadonlySet<string> = new Set();
      return {
        performs(before, after, next) {
          own = firstAttempts(before, after, next);
          return own.size > 0;
        },
        expect({ instanceId, epoch }, known) {
          if (own.size === 0) return place.release();
          const giveUp = (): void => {
            forget(instanceId);
            place.release();
          };
          const timer = setTimeout(giveUp, EXPECTED_MS);
          expected.set(instanceId, { epoch, timer, ride: { place, known, own, isStale: false } });
        },
        giveUp: () => place.release(),
      };
    },
    take({ instanceId, epoch }) {
      const found = expected.get(instanceId);
      if (found?.epoch !== epoch) return undefined;
      forget(instanceId);
      return found.ride;
    },
    spoil(instanceId) {
      const found = expected.get(instanceId);
      if (found !== undefined) found.ride = { ...found.ride, isStale: true };
    },
  };
}
