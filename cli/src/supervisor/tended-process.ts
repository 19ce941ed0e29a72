import { setTimeout as delay } from 'node:timers/promises';
import type { Exit, FleetProcess } from '@flotilla/deploy';
import type { Launched } from './launch.ts';

/** waiting (for others) → starting → ready ⇄ unready; restarting after a crash, failed after five in a row (and still tried). */
export type ProcessState =
  | 'waiting'
  | 'starting'
  | 'ready'
  | 'unready'
  | 'done'
  | 'restarting'
  | 'failed'
  | 'held'
  | 'stopped';

/** One process as the supervisor sees it. */
export interface ProcessStatus {
  readonly name: string;
  readonly kind: FleetProcess['kind'];
  readonly about: string;
  readonly state: ProcessState;
  readonly ports: Readonly<Record<string, number>>;
  readonly pid?: number;
  readonly restarts: number;
  readonly uptimeMs?: number;
  /** Why it is not well, in one line. */
  readonly problem?: string;
}

export interface Tending {
  /** Resolves when the processes that this one needs have been well once. */
  readonly needs: Promise<unknown>;
  readonly start: (signal: AbortSignal) => Promise<Launched>;
  readonly onPid: (pid: number | undefined) => void;
  readonly say: (line: string) => void;
}

/** Keeps one process running until told otherwise. */
export interface TendedProcess {
  readonly described: FleetProcess;
  /** Resolves when it was ready, or done, for the first time. */
  readonly wellOnce: Promise<void>;
  status(): ProcessStatus;
  /** Asks for its health now rather than at the next regular look. */
  look(): Promise<void>;
  /** Sends a signal to the process and, when it ends by it, lets it start again. */
  kill(signal: NodeJS.Signals): Promise<void>;
  /** Ends it in good order; it starts again unless held. */
  restart(): Promise<void>;
  /** Ends it (by SIGKILL if so asked) and keeps it down until `release`. */
  hold(signal?: NodeJS.Signals): Promise<void>;
  release(): void;
  stop(): Promise<void>;
}

const lookEveryMs = 5_000;
const lookSoonerMs: Partial<Record<ProcessState, number>> = { starting: 150, unready: 1_000 };
const failuresUntilFailed = 5;

/** Milliseconds until the next try after so many crashes in a row. */
export function backOffMs(failures: number): number {
  return Math.min(10_000, 200 * 2 ** Math.max(0, failures - 1));
}

export function tend(described: FleetProcess, tending: Tending): TendedProcess {
  const wellOnce = Promise.withResolvers<void>();
  const stopping = new AbortController();
  let state: ProcessState = 'waiting';
  let current: Launched | undefined;
  let startedAt = 0;
  let restarts = 0;
  let problem: string | undefined;
  let held: PromiseWithResolvers<void> | undefined;
  let intended = false;

  const note = (ailment: string | undefined) => {
    problem = ailment;
    if (ailment === undefined) {
      state = 'ready';
      wellOnce.resolve();
    } else if (state === 'ready') {
      state = 'unready';
    }
  };

  const watch = async (launched: Launched): Promise<Exit> => {
    let ended = false;
    const exit = launched.exited.then((how) => {
      ended = true;
      return how;
    });
    const ending = new AbortController();
    void exit.then(() => ending.abort());
    while (!ended && described.kind !== 'task') {
      const ailment = await launched.ailment();
      if (!ended) note(ailment);
      const pause = lookSoonerMs[state] ?? lookEveryMs;
      await delay(pause, undefined, { signal: ending.signal }).catch(() => undefined);
    }
    return await exit;
  };

  /** Runs it once, from start to end; true when there is nothing more to do. */
  const runOnce = async (): Promise<boolean> => {
    state = 'starting';
    startedAt = Date.now();
    intended = false;
    try {
      const launched = await tending.start(stopping.signal);
      current = launched;
      tending.onPid(launched.pid);
      if (stopping.signal.aborted || held !== undefined) void launched.stop();
      const exit = await watch(launched);
      if (described.kind === 'task' && exit.code === 0) {
        state = 'done';
        problem = undefined;
        wellOnce.resolve();
        return true;
      }
      problem = exit.signal === null ? `ended with code ${exit.code}` : `ended by ${exit.signal}`;
    } catch (error) {
      problem = error instanceof Error ? error.message : String(error);
    } finally {
      current = undefined;
      tending.onPid(undefined);
    }
    return false;
  };

  const run = async () => {
    await Promise.race([tending.needs, aborted(stopping.signal)]);
    let failures = 0;
    while (!stopping.signal.aborted) {
      if (held !== undefined) {
        state = 'held';
        await Promise.race([held.promise, aborted(stopping.signal)]);
        continue;
      }
      if (await runOnce()) return;
      if (stopping.signal.aborted || held !== undefined) continue;
      restarts += 1;
      failures = intended || Date.now() - startedAt > 60_000 ? 1 : failures + 1;
      state = failures >= failuresUntilFailed ? 'failed' : 'restarting';
      const pause = backOffMs(failures);
      tending.say(`${described.name} ${problem ?? 'ended'}; starting again in ${pause} ms`);
      await delay(pause, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
    state = 'stopped';
  };
  const running = run();

  return {
    described,
    wellOnce: wellOnce.promise,
    status: () => ({
      name: described.name,
      kind: described.kind,
      about: described.about,
      state,
      ports: described.ports,
      restarts,
      ...(current === undefined ? {} : { pid: current.pid, uptimeMs: Date.now() - startedAt }),
      ...(problem === undefined ? {} : { problem }),
    }),
    async look() {
      const looked = current;
      if (looked === undefined || described.kind === 'task') return;
      const ailment = await looked.ailment();
      if (looked === current) note(ailment);
    },
    async kill(signal) {
      const killed = current;
      if (killed === undefined) throw new Error(`${described.name} is not running (${state})`);
      intended = true;
      process.kill(killed.pid, signal);
      if (signal !== 'SIGKILL') return;
      await killed.exited;
      if (state === 'ready') state = 'restarting';
    },
    async restart() {
      intended = true;
      await current?.stop();
    },
    async hold(signal) {
      held ??= Promise.withResolvers();
      const ended = current;
      if (ended === undefined) return;
      if (signal === undefined) await ended.stop();
      else process.kill(ended.pid, signal);
      await ended.exited;
      state = 'held';
    },
    release() {
      held?.resolve();
      held = undefined;
    },
    async stop() {
      stopping.abort();
      await current?.stop();
      await running;
    },
  };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
