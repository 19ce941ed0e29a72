import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '@flotilla/errors';
import {
  Client,
  Connection,
  isGrpcServiceError,
  WorkflowExecutionAlreadyStartedError,
  WorkflowNotFoundError,
} from '@temporalio/client';
import type { NativeConnection } from '@temporalio/worker';
import { createEncryptionCodec } from './encryption-codec.ts';
import { scheduleCalls, type TemporalSchedules } from './schedules.ts';
import type { TemporalWorker } from './worker.ts';

/** Where Temporal is, and how payloads are sealed. */
export interface TemporalClientOptions {
  /** `host:port` */
  readonly address: string;
  readonly namespace: string;
  /** See {@link createEncryptionCodec}. */
  readonly secrets: readonly string[];
  /** For each call; 5 s unless said. */
  readonly deadlineMs?: number;
  /** That of this process, for workflows that are started eagerly. */
  readonly worker?: () => Pick<TemporalWorker, 'connection'>;
}

/** A workflow, by the name of its function. */
export interface WorkflowToStart {
  readonly type: string;
  readonly id: string;
  readonly taskQueue: string;
  readonly args: readonly unknown[];
  /** Begins only then, unless it is signalled before. */
  readonly afterMs?: number;
  /** Tasks of different keys take turns where more wait than are worked on; twice the weight, twice the turns. */
  readonly fairness?: { readonly key: string; readonly weight: number };
  /** Where this process's worker has room, its first task comes with the answer to the start, past all that wait in the queue. */
  readonly eager?: boolean;
}

/** A workflow that was started. */
export interface Started {
  /** Whether its first task came with the answer, to the worker of this process. */
  readonly eagerly: boolean;
}

/** Starts and signals workflows. Connects when first used. */
export interface TemporalClient {
  /**
   * Starts a workflow, unless one of this id is running: then it answers nothing.
   * @throws AppError `unavailable TEMPORAL_UNAVAILABLE`
   */
  start(workflow: WorkflowToStart): Promise<Started | undefined>;
  /** Answers false where no such workflow runs. */
  signal(workflowId: string, signal: string): Promise<boolean>;
  /** Whether the workflow has been started and has not ended. False too where its history is gone. */
  isRunning(workflowId: string): Promise<boolean>;
  readonly schedules: TemporalSchedules;
  /** Fails when Temporal does not answer. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Creates a client with a deadline on each call.
 *
 * @example
 * await client.start({ type: 'runInstance', id: instanceId, taskQueue: 'workflow', args: [{ instanceId }] });
 */
export function createTemporalClient(options: TemporalClientOptions): TemporalClient {
  const { address, namespace, deadlineMs = 5_000 } = options;
  // Its own interceptor tries again behind our back, also after the connection was closed, where that ends the process.
  const connection = Connection.lazy({ address, connectTimeout: deadlineMs, interceptors: [] });
  const dataConverter = { payloadCodecs: [createEncryptionCodec(options.secrets)] };
  const client = new Client({ connection, namespace, dataConverter });
  const inTime = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await connection.withDeadline(Date.now() + deadlineMs, work);
    } catch (error) {
      throw toAppError(error);
    }
  };
  // The worker has a new connection whenever it begins anew.
  const overWorker = new WeakMap<NativeConnection, Client>();

  async function startEagerly(native: NativeConnection, workflow: WorkflowToStart): Promise<Started | undefined> {
    const over = overWorker.get(native) ?? new Client({ connection: native, namespace, dataConverter });
    overWorker.set(native, over);
    const late = new AbortController();
    // By itself it tries again for longer than the deadline of one try.
    const tooLate = delay(deadlineMs, undefined, { signal: late.signal }).then(() => {
      throw new Error('Temporal did not answer in time.');
    });
    try {
      const started = native.withDeadline(Date.now() + deadlineMs, () => startOver(over, workflow, true));
      return await Promise.race([started, tooLate]);
    } catch (error) {
      throw toAppError(error);
    } finally {
      tooLate.catch(() => undefined);
      late.abort();
    }
  }

  return {
    async start(workflow) {
      const { eager = false, afterMs = 0 } = workflow;
      const native = eager && afterMs === 0 ? options.worker?.().connection() : undefined;
      return native === undefined ? inTime(() => startOver(client, workflow)) : startEagerly(native, workflow);
    },
    async signal(workflowId, signal) {
      return inTime(async () => {
        try {
          await client.workflow.getHandle(workflowId).signal(signal);
          return true;
        } catch (error) {
          if (error instanceof WorkflowNotFoundError) return false;
          throw error;
        }
      });
    },
    async isRunning(workflowId) {
      return inTime(async () => {
        try {
          return (await client.workflow.getHandle(workflowId).describe()).status.name === 'RUNNING';
        } catch (error) {
          if (error instanceof WorkflowNotFoundError) return false;
          throw error;
        }
      });
    },
    schedules: scheduleCalls(client, inTime),
    ping: () => inTime(async () => void (await connection.workflowService.getSystemInfo({}))),
    close: () => connection.close(),
  };
}

async function startOver(
  { workflow }: Client,
  { type, id, taskQueue, args, afterMs = 0, fairness }: WorkflowToStart,
  requestEagerStart = false,
): Promise<Started | undefined> {
  try {
    const { eagerlyStarted } = await workflow.start(type, {
      workflowId: id,
      taskQueue,
      args: [...args],
      workflowIdReusePolicy: 'ALLOW_DUPLICATE',
      workflowIdConflictPolicy: 'FAIL',
      workflowTaskTimeout: '5s',
      requestEagerStart,
      ...(afterMs > 0 && { startDelay: afterMs }),
      ...(fairness && { priority: { fairnessKey: fairness.key, fairnessWeight: fairness.weight } }),
    });
    return { eagerly: eagerlyStarted };
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return undefined;
    throw error;
  }
}

function toAppError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  const cause = isGrpcServiceError(error) || error instanceof Error ? error : undefined;
  return new AppError('unavailable', 'TEMPORAL_UNAVAILABLE', 'The workflow engine does not answer.', { cause });
}
