/** How many runs a lane holds while others queue. */
export interface Pace {
  /** So many at most, for now. */
  allowed(): number;
}

/** Measured by `bench fairness`: with more than twice as many a queue is worked off half as fast again, and others wait half as long again. */
const LEAST_AMONG_OTHERS = 6;
const LEAST_ALONE = 16;
const ADJUST_EVERY_MS = 50;
const STEP = 4;
/** Of its time, the event loop is at work. */
const BUSY = 0.8;

/**
 * More runs at once than this process gets through only make everybody wait longer, a tenant with a single run too. So a lane
 * that is busy takes half as many from the queue, and a few more as soon as it is not. Runs that do little but wait for their
 * steps fill it. Where one tenant has been alone in the lane for long, there is nobody who would wait.
 */
export function createPace(needs: {
  readonly most: number;
  /** Whether other tenants than the one that fills the lane come, too. */
  readonly isShared: () => boolean;
  readonly now?: () => number;
  readonly utilization?: () => number;
}): Pace {
  const { most, isShared, now = () => performance.now(), utilization = utilizationSince() } = needs;
  let allowed = most;
  let adjustedAt = Number.NEGATIVE_INFINITY;
  return {
    allowed() {
      if (now() - adjustedAt < ADJUST_EVERY_MS) return allowed;
      adjustedAt = now();
      const least = Math.min(isShared() ? LEAST_AMONG_OTHERS : LEAST_ALONE, most);
      allowed = utilization() > BUSY ? Math.max(least, Math.floor(allowed / 2)) : Math.min(most, allowed + STEP);
      return allowed;
    },
  };
}

/** Since it was asked for the last time. */
function utilizationSince(): () => number {
  let last = performance.eventLoopUtilization();
  return () => {
    const { utilization } = performance.eventLoopUtilization(last);
    last = performance.eventLoopUtilization();
    return utilization;
  };
}
