import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { Pool } from 'undici';
import { answerCalls } from '../child.ts';

/** A Temporal worker with workflows written by hand. */
export interface WorkerCalls {
  start(at: { readonly address: string; readonly taskQueue: string }): Promise<void>;
}

export interface BareActivities {
  request(url: string): Promise<string>;
  choose(id: string): Promise<string>;
}

const pools = new Map<string, Pool>();

const activities: BareActivities = {
  async request(url) {
    const { origin, pathname } = new URL(url);
    const pool = pools.get(origin) ?? new Pool(origin, { connections: 32 });
    pools.set(origin, pool);
    const headers = { 'content-type': 'application/json' };
    const { body } = await pool.request({ method: 'POST', path: pathname, headers, body: '{}' });
    return ((await body.json()) as { id: string }).id;
  },
  choose: async (id) => (id === '1' ? 'publish' : 'end'),
};

async function start({ address, taskQueue }: Parameters<WorkerCalls['start']>[0]): Promise<void> {
  Runtime.install({ logger: new DefaultLogger('ERROR'), shutdownSignals: [] });
  const workflowsPath = fileURLToPath(new URL('bare-workflows.ts', import.meta.url));
  const workflowBundle = await bundleWorkflowCode({ workflowsPath, logger: new DefaultLogger('ERROR') });
  const connection = await NativeConnection.connect({ address });
  const worker = await Worker.create({ connection, taskQueue, workflowBundle, activities, reuseV8Context: true });
  worker.run().catch((problem: unknown) => {
    process.stderr.write(`${String(problem)}\n`);
    process.exit(1);
  });
}

answerCalls({ start } satisfies WorkerCalls);
