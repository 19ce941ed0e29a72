/** Waits for a time, for a wake or for the end, whichever comes first. A wake during work is not lost. */
export interface Waker {
  wake(): void;
  /** Forgets earlier wakes: call it before looking at what they announce. */
  reset(): void;
  /** Whether it was woken, or ended, rather than that the time was over. */
  wait(ms: number): Promise<boolean>;
}

export function createWaker(signal: AbortSignal): Waker {
  let woken = false;
  let end: (() => void) | undefined;
  const wake = () => {
    woken = true;
    end?.();
  };
  signal.addEventListener('abort', wake);
  return {
    wake,
    reset() {
      woken = signal.aborted;
    },
    async wait(ms) {
      if (woken) return true;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
        end = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      end = undefined;
      return woken;
    },
  };
}
