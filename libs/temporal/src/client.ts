import { AppError } from '@flotilla/errors';
import {
  Client,
  Connection,
  isGrpcServiceError,
  WorkflowExecutionAlreadyStartedError,
  WorkflowNotFoundError,
} from '@temporalio/client';
import { createEncryptionCodec } from './encryption-codec.ts';
import { scheduleCalls, type TemporalSchedules } from './schedules.ts';

/** Where Temporal is, and how payloads are sealed. */
export interface TemporalClientOptions {
  /** `host:port` */
  readonly address: string;
  readonly namespace: string;
  /** See {@link createEncryptionCodec}. */
  readonly secrets: readonly string[];
  /** For each call; 5 s unless said. */
  readonly deadlineMs?: number;
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
}

/** Starts and signals workflows. Connects when first used. */
export interface TemporalClient {
  /**
   * Starts a workflow, unless one of this id is running.
   * @returns whether this call started it
   * @throws AppError `unavailable TEMPORAL_UNAVAILABLE`
   */
  start(workflow: WorkflowToStart): Promise<boolean>;
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

  return {
    async start({ type, id, taskQueue, args, afterMs = 0, fairness }) {
      return inTime(async () => {
        try {
          await client.workflow.start(type, {
            workflowId: id,
            taskQueue,
            args: [...args],
            workflowIdReusePolicy: 'ALLOW_DUPLICATE',
            workflowIdConflictPolicy: 'FAIL',
            workflowTaskTimeout: '5s',
            ...(afterMs > 0 && { startDelay: afterMs }),
            ...(fairness && { priority: { fairnessKey: fairness.key, fairnessWeight: fairness.weight } }),
          });
          return true;
        } catch (error) {
          if (error instanceof WorkflowExecutionAlreadyStartedError) return false;
          throw error;
        }
      });
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

function toAppError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  const cause = isGrpcServiceError(error) || error instanceof Error ? error : undefined;
  return new AppError('unavailable', 'TEMPORAL_UNAVAILABLE', 'The workflow engine does not answer.', { cause });
}
