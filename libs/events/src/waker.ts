/** Waits for a time, for a wake or for the end, whichever comes first. A wake during work is not lost. */
export interface Waker {
  wake(): void;
  /** Forgets earlier wakes: call it before looking at what they announce. */
  reset(): void;
  wait(ms: number): Promise<void>;
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
      if (woken) return;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
        end = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      end = undefined;
    },
  };
}
