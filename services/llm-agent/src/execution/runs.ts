import { AppError } from '@flotilla/errors';
import type { Logger } from '@flotilla/observability';
import type { Database } from '@flotilla/postgres';
import { type Lease, renewLeases } from '../db/execution-repository.ts';
import type { Schema } from '../db/schema.ts';

/** Why a run was stopped before its end. */
export class RunStopped extends Error {
  readonly why: 'cancelled' | 'caller gone' | 'lost' | 'shutdown';
  constructor(why: RunStopped['why']) {
    super(`The run was stopped: ${why}.`);
    this.why = why;
  }
}

/** The executions that this process runs. */
export interface Runs {
  readonly lease: Lease;
  /** Refuses what is more than this process can run. */
  admit(): void;
  /** Runs an execution; the work must not reject. */
  run<T>(executionId: string, work: (signal: AbortSignal) => Promise<T>): Promise<T>;
  stop(executionId: string, why: RunStopped['why']): void;
  /** The end of a run of this process. */
  ended(executionId: string): Promise<unknown> | undefined;
  /** Tells followers of this process that there is news. */
  changed(executionId: string): void;
  /** Whether somebody of this process waits for news of it. */
  isFollowed(executionId: string): boolean;
  /** Until there is news in this process, at most for this long: news of other processes is found by looking. */
  nextChange(executionId: string, withinMs: number, signal: AbortSignal): Promise<void>;
  readonly count: number;
  /** Waits for the runs, then stops what is left. */
  drain(graceMs: number): Promise<void>;
}

export interface RunsOptions {
  readonly db: Database<Schema>;
  readonly lease: Lease;
  readonly heartbeatMs: number;
  readonly maxRuns: number;
  readonly log: Logger;
}

export function createRuns({ db, lease, heartbeatMs, maxRuns, log }: RunsOptions): Runs {
  const runs = new Map<string, { readonly controller: AbortController; readonly end: Promise<unknown> }>();
  const followers = new Map<string, Set<() => void>>();
  let heartbeat: NodeJS.Timeout | undefined;
  let draining = false;

  function beat(): void {
    heartbeat ??= setTimeout(() => {
      renew()
        .catch((error: unknown) => log.warn({ err: error }, 'leases could not be renewed'))
        .finally(() => {
          heartbeat = undefined;
          if (runs.size > 0) beat();
        });
    }, heartbeatMs);
  }

  async function renew(): Promise<void> {
    const known = [...runs.keys()];
    if (known.length === 0) return;
    const ours = new Map(
      (await db.withoutTenant((tx) => renewLeases(tx, lease, known))).map((row) => [row.id, row.cancelRequested]),
    );
    for (const id of known) {
      const cancelRequested = ours.get(id);
      if (cancelRequested === undefined) stop(id, 'lost');
      else if (cancelRequested) stop(id, 'cancelled');
    }
  }

  function stop(executionId: string, why: RunStopped['why']): void {
    runs.get(executionId)?.controller.abort(new RunStopped(why));
  }

  function changed(executionId: string): void {
    const waiting = followers.get(executionId);
    followers.delete(executionId);
    for (const wake of waiting ?? []) wake();
  }

  return {
    lease,
    get count() {
      return runs.size;
    },
    admit() {
      if (draining) throw new AppError('unavailable', 'SHUTTING_DOWN', 'This replica is shutting down. Try again.');
      if (runs.size >= maxRuns) {
        throw new AppError('resource_exhausted', 'EXECUTIONS_BUSY', 'Too many executions are running. Try again.', {
          retryAfterMs: 1_000,
        });
      }
    },
    run(executionId, work) {
      const controller = new AbortController();
      const end = work(controller.signal).finally(() => {
        runs.delete(executionId);
        changed(executionId);
      });
      runs.set(executionId, { controller, end });
      beat();
      return end;
    },
    stop,
    ended: (executionId) => runs.get(executionId)?.end,
    changed,
    isFollowed: (executionId) => followers.has(executionId),
    nextChange(executionId, withinMs, signal) {
      return new Promise((resolve) => {
        const waiting = followers.get(executionId) ?? new Set();
        followers.set(executionId, waiting);
        const wake = () => {
          clearTimeout(timer);
          signal.removeEventListener('abort', wake);
          waiting.delete(wake);
          if (waiting.size === 0 && followers.get(executionId) === waiting) followers.delete(executionId);
          resolve();
        };
        const timer = setTimeout(wake, withinMs);
        signal.addEventListener('abort', wake, { once: true });
        waiting.add(wake);
        if (signal.aborted) wake();
      });
    },
    async drain(graceMs) {
      draining = true;
      const grace = setTimeout(
        () => {
          for (const id of runs.keys()) stop(id, 'shutdown');
        },
        Math.max(0, graceMs),
      );
      await Promise.allSettled([...runs.values()].map(({ end }) => end));
      clearTimeout(grace);
      clearTimeout(heartbeat);
    },
  };
}
