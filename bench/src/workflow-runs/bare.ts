import { randomUUID } from 'node:crypto';
import { Client, Connection } from '@temporalio/client';
import { type Child, startChild } from '../child.ts';
import type { WorkerCalls } from './bare-worker.ts';

const taskQueue = 'bench';

/** Workflows written by hand: their worker is a process of its own, and a caller waits for the result of each. */
export interface BareWorkflows {
  readonly workerPid: number;
  threeSteps(): Promise<void>;
  empty(): Promise<void>;
  stop(): Promise<void>;
}

export async function startBareWorkflows(
  environment: NodeJS.ProcessEnv,
  { temporalAddress, targetUrl }: { readonly temporalAddress: string; readonly targetUrl: string },
): Promise<BareWorkflows> {
  const worker: Child<WorkerCalls> = startChild(new URL('bare-worker.ts', import.meta.url), environment);
  const connection = await Connection.connect({ address: temporalAddress });
  const { workflow } = new Client({ connection });
  const execute = async (type: string, ...args: readonly string[]) => {
    await workflow.execute(type, { taskQueue, workflowId: randomUUID(), args: [...args] });
  };
  const stop = async () => {
    await worker.stop();
    await connection.close();
  };
  try {
    await worker.call('start', { address: temporalAddress, taskQueue });
  } catch (problem) {
    await stop();
    throw problem;
  }
  return {
    workerPid: worker.pid,
    threeSteps: () => execute('threeStepRun', targetUrl),
    empty: () => execute('emptyRun'),
    stop,
  };
}
