/** Lets a bounded number of pieces of work run at once, and where they have to wait, takes tenants in turn by their weight. */
export interface FairQueue {
  /** Runs the work when its turn has come. */
  run<T>(tenantId: string, work: () => Promise<T>): Promise<T>;
  /** How many wait. */
  waiting(): number;
}

interface Line {
  readonly work: (() => void)[];
  /** When the tenant's next turn is, on a clock that counts turns: each turn moves it on by one over the weight. */
  turn: number;
}

/**
 * A tenant that has nothing waiting gains nothing by it: who comes anew takes its turn from where the others are.
 *
 * @param weightOf twice the weight, twice the turns
 */
export function createFairQueue(options: {
  readonly places: number;
  readonly weightOf: (tenantId: string) => number;
}): FairQueue {
  const { places, weightOf } = options;
  const lines = new Map<string, Line>();
  let free = places;
  let clock = 0;

  function next(): void {
    if (free === 0) return;
    let chosen: [string, Line] | undefined;
    for (const line of lines) if (chosen === undefined || line[1].turn < chosen[1].turn) chosen = line;
    if (chosen === undefined) return;
    const [tenantId, line] = chosen;
    const begin = line.work.shift();
    clock = line.turn;
    line.turn += 1 / weightOf(tenantId);
    if (line.work.length === 0) lines.delete(tenantId);
    free -= 1;
    begin?.();
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
      if (free > 0) free -= 1;
      else await turnOf(tenantId);
      try {
        return await work();
      } finally {
        free += 1;
        next();
      }
    },
    waiting: () => [...lines.values()].reduce((sum, { work }) => sum + work.length, 0),
  };
}
