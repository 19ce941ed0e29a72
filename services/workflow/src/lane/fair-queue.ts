/** Lets a bounded number of pieces of work run at once, and where they have to wait, takes tenants in turn by their weight. */
export interface FairQueue {
  /** Runs the work when its turn has come. */
  run<T>(tenantId: string, work: () => Promise<T>): Promise<T>;
  /** Until the answer is called, no work of other tenants begins; what is under way ends. At most for a moment, and at most half of the time. */
  favour(tenantId: string): () => void;
  /** How many wait. */
  waiting(): number;
}

interface Line {
  readonly work: (() => void)[];
  /** When the tenant's next turn is, on a clock that counts turns: each turn moves it on by one over the weight. */
  turn: number;
}

/** A favour ends after so long by itself. */
const LONGEST_FAVOUR_MS = 50;

/**
 * A tenant that has nothing waiting gains nothing by it: who comes anew takes its turn from where the others are.
 *
 * @param weightOf twice the weight, twice the turns
 */
export function createFairQueue(options: {
  readonly places: number;
  readonly weightOf: (tenantId: string) => number;
  readonly now?: () => number;
}): FairQueue {
  const { places, weightOf, now = () => performance.now() } = options;
  const lines = new Map<string, Line>();
  const favoured = new Map<symbol, string>();
  let favouredAt = 0;
  let nextFavourAt = 0;
  let free = places;
  let clock = 0;

  const mayBegin = (tenantId: string): boolean =>
    favoured.size === 0 || [...favoured.values()].some((one) => one === tenantId);

  function next(): void {
    while (free > 0) {
      let chosen: [string, Line] | undefined;
      for (const line of lines) {
        if (mayBegin(line[0]) && (chosen === undefined || line[1].turn < chosen[1].turn)) chosen = line;
      }
      if (chosen === undefined) return;
      const [tenantId, line] = chosen;
      const begin = line.work.shift();
      clock = line.turn;
      line.turn += 1 / weightOf(tenantId);
      if (line.work.length === 0) lines.delete(tenantId);
      free -= 1;
      begin?.();
    }
  }

  function turnOf(tenantId: string): Promise<void> {
    return new Promise((begin) => {
      const line = lines.get(tenantId) ?? { work: [], turn: clock + 1 / weightOf(tenantId) };
      line.work.push(begin);
      lines.set(tenantId, line);
      next();
    });
  }

  return {
    async run(tenantId, work) {
      if (free > 0 && mayBegin(tenantId)) free -= 1;
      else await turnOf(tenantId);
      try {
        return await work();
      } finally {
        free += 1;
        next();
      }
    },
    favour(tenantId) {
      if (favoured.size === 0 && now() < nextFavourAt) return () => {};
      const one = Symbol(tenantId);
      if (favoured.size === 0) favouredAt = now();
      favoured.set(one, tenantId);
      const end = (): void => {
        clearTimeout(timer);
        if (!favoured.delete(one) || favoured.size > 0) return;
        // As long as the others stood still, they go on undisturbed now.
        nextFavourAt = now() + (now() - favouredAt);
        next();
      };
      const timer = setTimeout(end, Math.max(0, favouredAt + LONGEST_FAVOUR_MS - now()));
      return end;
    },
    waiting: () => [...lines.values()].reduce((sum, { work }) => sum + work.length, 0),
  };
}
