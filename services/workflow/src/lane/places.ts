import type { Busy } from '../db/lane-repository.ts';

/** One run's place in a lane. */
export interface Place {
  release(): void;
}

/** The part of a lane that one tenant may fill, so that another always finds a place. */
const SHARE = 0.75;

/** A tenant that was not here for so long is not expected. */
const LATELY_MS = 60_000;

/** Counts who is in a lane. */
export interface Places {
  /** Undefined where the lane is full, the tenant has its share, or runs of the tenant wait already and have to be first. */
  reserve(tenantId: string): Place | undefined;
  /** For runs that were admitted from the queue: whoever chose them has looked at the places. */
  take(tenantId: string): Place;
  free(): number;
  taken(): number;
  /** Of one tenant. */
  running(tenantId: string): number;
  /** How many runs could be admitted at most, as far as is known who waits. */
  room(): number;
  /** Of one tenant, at most. */
  readonly share: number;
  busy(): readonly Busy[];
  /** Whether runs of more than one tenant began here lately. */
  isShared(): boolean;
  /** A run of the tenant has to wait. */
  queued(tenantId: string): void;
  /** Nobody is known to wait any more. */
  nobodyWaits(): void;
  someWait(): boolean;
  onFree(listener: () => void): void;
}

export function createPlaces(options: {
  readonly runs: number;
  readonly weightOf: (tenantId: string) => number;
  readonly now?: () => number;
}): Places {
  const { runs, weightOf, now = () => performance.now() } = options;
  const running = new Map<string, number>();
  const waiting = new Set<string>();
  const share = Math.max(1, Math.ceil(runs * SHARE));
  let taken = 0;
  let freed = (): void => {};
  let last: string | undefined;
  let changedAt = Number.NEGATIVE_INFINITY;

  function take(tenantId: string): Place {
    if (last !== undefined && last !== tenantId) changedAt = now();
    last = tenantId;
    taken += 1;
    running.set(tenantId, (running.get(tenantId) ?? 0) + 1);
    let released = false;
    return {
      release() {
        if (released) return;
        released = true;
        taken -= 1;
        const left = (running.get(tenantId) ?? 1) - 1;
        if (left === 0) running.delete(tenantId);
        else running.set(tenantId, left);
        freed();
      },
    };
  }

  const free = () => Math.max(0, runs - taken);

  return {
    share,
    take,
    reserve: (tenantId) =>
      taken >= runs || (running.get(tenantId) ?? 0) >= share || waiting.has(tenantId) ? undefined : take(tenantId),
    free,
    taken: () => taken,
    running: (tenantId) => running.get(tenantId) ?? 0,
    room: () =>
      waiting.size === 0
        ? free()
        : Math.min(free(), Math.max(...[...waiting].map((tenantId) => share - (running.get(tenantId) ?? 0)))),
    busy: () => [...running].map(([tenantId, count]) => ({ tenantId, running: count, weight: weightOf(tenantId) })),
    isShared: () => now() - changedAt < LATELY_MS,
    queued: (tenantId) => void waiting.add(tenantId),
    nobodyWaits: () => waiting.clear(),
    someWait: () => waiting.size > 0,
    onFree(listener) {
      freed = listener;
    },
  };
}
