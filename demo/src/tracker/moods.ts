/** How the tracker treats the next requests of one sort: the far side of a network is not always kind. */
export interface Mood {
  readonly on: 'open' | 'publish' | 'undo';
  /** Only requests of this run; none means any. */
  readonly runId?: string;
  /**
   * `refuse` answers `status` and does nothing; `hold` applies at once and answers after `ms`;
   * `late` applies and answers only after `ms`, whether or not the caller is still there.
   */
  readonly action: 'refuse' | 'hold' | 'late';
  readonly status?: number;
  readonly ms?: number;
  /** How many requests it is for; none means one. */
  readonly times?: number;
}

/** Moods wait here for the requests that they are for. */
export interface Moods {
  add(mood: Mood): void;
  clear(): void;
  /** The mood for this request, used up by one. */
  take(on: Mood['on'], runId: string | undefined): Mood | undefined;
}

export function createMoods(): Moods {
  let waiting: { mood: Mood; left: number }[] = [];
  return {
    add(mood) {
      waiting.push({ mood, left: mood.times ?? 1 });
    },
    clear() {
      waiting = [];
    },
    take(on, runId) {
      const found = waiting.find(({ mood }) => mood.on === on && (mood.runId === undefined || mood.runId === runId));
      if (found === undefined) return undefined;
      found.left -= 1;
      waiting = waiting.filter(({ left }) => left > 0);
      return found.mood;
    },
  };
}
