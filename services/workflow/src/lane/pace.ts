/** How many runs a lane holds while others queue. */
export interface Pace {
  /** So many at most, for now. */
  allowed(): number;
}

interface Terms {
  /** Runs that it holds at least. */
  readonly least: number;
  /** So many more at a time. */
  readonly step: number;
  /** Of its time, the event loop may be at work. */
  readonly busy: number;
}

const ALONE: Terms = { least: 16, step: 4, busy: 0.8 };
/**
 * Measured by `bench fairness`: a queue is worked off half as fast as it could be, and a run of somebody else begins nearly as
 * soon as in a lane with nothing to do. Close to its limit the event loop makes every hop of that run wait for others' work.
 */
const AMONG_OTHERS: Terms = { least: 2, step: 1, busy: 0.65 };
const ADJUST_EVERY_MS = 50;

/**
 * More runs at once than this process gets through only make everybody wait longer, a tenant with a single run too. So a lane
 * that is busy takes half as many from the queue, and a few more as soon as it is not. Runs that do little but wait for their
 * steps fill it. Where several tenants come, a third of its time is left free for those who have nothing in the queue.
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
      const { least, step, busy } = isShared() ? AMONG_OTHERS : ALONE;
      allowed =
        utilization() > busy
          ? Math.max(Math.min(least, most), Math.floor(allowed / 2))
          : Math.min(most, allowed + step);
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
