import type { Instance } from '../db/instance-repository.ts';
import type { Recorded } from '../domain/journal.ts';

/** What was written into the journal of a run. */
export interface Written {
  /** The run after it. */
  readonly instance: Instance;
  /** How long the journal was before. */
  readonly behind: number;
  readonly entries: readonly Recorded[];
}

/** Tells those who follow a run in this process what this process has written and committed. What others write is not heard of. */
export interface News {
  tell(written: Written): void;
  /** Begun before looking, so that what happens in between is not missed. */
  follow(instanceId: string): Following;
}

export interface Following {
  /** What was told since it was asked last, or else the first news within the time. None: whoever wants to be sure looks. */
  next(withinMs: number, signal: AbortSignal): Promise<readonly Written[]>;
  end(): void;
}

/** Entries that are kept for one who does not ask. After more, they have to look. */
const MOST_KEPT = 200;

export function createNews(): News {
  const followers = new Map<string, Set<(written: Written) => void>>();
  return {
    tell(written) {
      for (const hear of followers.get(written.instance.id) ?? []) hear(written);
    },
    follow(instanceId) {
      let heard: Written[] = [];
      let kept = 0;
      let ring = (): void => {};
      const hear = (written: Written): void => {
        kept += written.entries.length;
        if (kept > MOST_KEPT) heard = [];
        else heard.push(written);
        ring();
      };
      const all = followers.get(instanceId) ?? new Set();
      followers.set(instanceId, all.add(hear));
      return {
        async next(withinMs, signal) {
          if (kept === 0 && !signal.aborted) {
            const { promise, resolve } = Promise.withResolvers<void>();
            ring = resolve;
            const timer = setTimeout(resolve, withinMs);
            signal.addEventListener('abort', ring, { once: true });
            await promise;
            clearTimeout(timer);
            signal.removeEventListener('abort', ring);
          }
          const told = heard;
          heard = [];
          kept = 0;
          return told;
        },
        end() {
          all.delete(hear);
          if (all.size === 0 && followers.get(instanceId) === all) followers.delete(instanceId);
        },
      };
    },
  };
}
