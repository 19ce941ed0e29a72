import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '@flotilla/errors';
import type { Logger } from '@flotilla/observability';
import {
  DefaultLogger,
  type LogEntry,
  makeTelemetryFilterString,
  NativeConnection,
  Runtime,
  Worker,
  type WorkerOptions,
} from '@temporalio/worker';
import { createEncryptionCodec } from './encryption-codec.ts';

/** What a worker works on. Times in milliseconds. */
export interface TemporalWorkerOptions {
  readonly address: string;
  readonly namespace: string;
  readonly secrets: readonly string[];
  readonly taskQueue: string;
  /** The workflow code, bundled ahead. */
  readonly bundlePath: string;
  readonly activities: object;
  readonly log: Logger;
  readonly maxConcurrentActivities: number;
}

/** A worker that survives Temporal's absence: it connects again until it is stopped. */
export interface TemporalWorker {
  start(): void;
  /** Takes nothing new, lets running activities finish within the grace, then cancels them. */
  stop(graceMs: number): Promise<void>;
  /** Fails while there is no running worker. */
  check(): Promise<void>;
  /** While it works: what is started over it may begin here at once. */
  connection(): NativeConnection | undefined;
}

/** Creates a worker; nothing connects before `start`. */
export function createTemporalWorker(options: TemporalWorkerOptions): TemporalWorker {
  const { log } = options;
  const stopping = new AbortController();
  let worker: Worker | undefined;
  let connected: NativeConnection | undefined;
  let running: Promise<void> | undefined;

  async function run(): Promise<void> {
    for (let failures = 0; !stopping.signal.aborted; ) {
      try {
        await workOnce(() => {
          failures = 0;
        });
      } catch (error) {
        failures += 1;
        log.warn({ err: error, failures }, 'the Temporal worker ended and starts again');
      }
      worker = undefined;
      if (!stopping.signal.aborted) {
        await delay(Math.min(100 * 2 ** failures, 3_000), undefined, { signal: stopping.signal }).catch(() => {});
      }
    }
  }

  async function workOnce(onRunning: () => void): Promise<void> {
    const connection = await NativeConnection.connect({ address: options.address });
    try {
      const created = await Worker.create(workerOptions(options, connection));
      if (stopping.signal.aborted) return;
      const finished = created.run();
      worker = created;
      connected = connection;
      onRunning();
      await finished;
    } finally {
      connected = undefined;
      await connection.close();
    }
  }

  return {
    connection: () => (worker?.getState() === 'RUNNING' ? connected : undefined),
    start() {
      installRuntime(log);
      running ??= run();
    },
    async stop(graceMs) {
      stopping.abort();
      if (worker?.getState() === 'RUNNING') worker.shutdown();
      const late = new AbortController();
      await Promise.race([running, delay(graceMs + 2_000, undefined, { signal: late.signal }).catch(() => {})]);
      late.abort();
    },
    async check() {
      if (worker?.getState() !== 'RUNNING') {
        throw new AppError('unavailable', 'TEMPORAL_WORKER_DOWN', 'No worker is connected to the workflow engine.');
      }
    },
  };
}

function workerOptions(options: TemporalWorkerOptions, connection: NativeConnection): WorkerOptions {
  return {
    connection,
    namespace: options.namespace,
    taskQueue: options.taskQueue,
    workflowBundle: { codePath: options.bundlePath },
    activities: options.activities,
    dataConverter: { payloadCodecs: [createEncryptionCodec(options.secrets)] },
    maxConcurrentActivityTaskExecutions: options.maxConcurrentActivities,
    maxConcurrentLocalActivityExecutions: options.maxConcurrentActivities,
    // A worker that hangs swallows one task for each open poll until that task times out: few polls, short hangs.
    maxConcurrentActivityTaskPolls: 2,
    maxConcurrentWorkflowTaskPolls: 2,
    // Activities that are still running then are cancelled, and done again by another worker.
    shutdownGraceTime: '10s',
    shutdownForceTime: '15s',
    // A killed worker's cached workflows move on after this time, and cancellation reaches an activity within the other.
    stickyQueueScheduleToStartTimeout: '2s',
    maxHeartbeatThrottleInterval: '1s',
    defaultHeartbeatThrottleInterval: '1s',
    maxCachedWorkflows: 200,
    reuseV8Context: true,
    // Workflows are recipes: none of them computes for long. See the patch of the package.
    isolateExecutionTimeout: 0,
  };
}

let installed = false;

/** One runtime serves all workers of a process. The process's signals stay ours. */
function installRuntime(log: Logger): void {
  if (installed) return;
  installed = true;
  Runtime.install({
    shutdownSignals: [],
    telemetryOptions: { logging: { filter: makeTelemetryFilterString({ core: 'WARN', other: 'ERROR' }), forward: {} } },
    logger: new DefaultLogger('WARN', (entry: LogEntry) => {
      const level = entry.level === 'ERROR' ? 'error' : 'warn';
      log[level]({ err: entry.meta?.['error'] }, entry.message);
    }),
  });
}
