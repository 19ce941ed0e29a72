/** How many runs a lane holds while others queue. */
export interface Pace {
  /** So many at most, for now. */
  allowed(): number;
}

/** Measured by `bench fairness`: twice as many work off a queue a third faster, and make others wait half as long again. */
const LEAST = 8;
const ADJUST_EVERY_MS = 50;
const STEP = 4;
/** Of its time, the event loop is at work. */
const BUSY = 0.8;

/**
 * More runs at once than this process gets through only make everybody wait longer, a tenant with a single run too. So a lane
 * that is busy takes half as many from the queue, and a few more as soon as it is not. Runs that do little but wait for their
 * steps fill it.
 */
export function createPace(needs: {
  readonly most: number;
  readonly now?: () => number;
  readonly utilization?: () => number;
}): Pace {
  const { most, now = () => performance.now(), utilization = utilizationSince() } = needs;
  const least = Math.min(LEAST, most);
  let allowed = most;
  let adjustedAt = Number.NEGATIVE_INFINITY;
  return {
    allowed() {
      if (now() - adjustedAt < ADJUST_EVERY_MS) return allowed;
      adjustedAt = now();
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
