/** Runs jobs one after another; refuses what does not fit. */
export interface Queue {
  /** Runs the job when its turn comes. A job whose signal aborts while it waits is dropped. */
  run<T>(signal: AbortSignal, job: () => Promise<T>): Promise<T>;
  /** Throws {@link QueueFull} when no further job fits. */
  reserve(): void;
  readonly waiting: number;
  idle(): Promise<void>;
}

export class QueueFull extends Error {
  /** When a place is likely free. */
  readonly retryAfterSeconds: number;
  constructor(retryAfterSeconds: number) {
    super('The model has too many requests waiting.');
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

export function createQueue(length: number, now: () => number = performance.now.bind(performance)): Queue {
  let tail: Promise<unknown> = Promise.resolve();
  /** Running and waiting. */
  let jobs = 0;
  /** A moving average, to tell the refused when to come back. */
  let jobMs = 1_000;

  return {
    get waiting() {
      return Math.max(0, jobs - 1);
    },
    reserve() {
      if (jobs > length) throw new QueueFull(Math.max(1, Math.ceil(jobMs / 1_000)));
    },
    async run(signal, job) {
      this.reserve();
      jobs += 1;
      const turn = tail.then(async () => {
        signal.throwIfAborted();
        const start = now();
        try {
          return await job();
        } finally {
          jobMs = 0.8 * jobMs + 0.2 * (now() - start);
        }
      });
      tail = turn.catch(() => undefined);
      try {
        return await turn;
      } finally {
        jobs -= 1;
      }
    },
    async idle() {
      await tail;
    },
  };
}
