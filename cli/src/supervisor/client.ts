import { request } from 'node:http';
import type { Order } from './control.ts';
import { socketPath } from './fleet-file.ts';
import type { MeasuredStatus } from './supervisor.ts';
import type { ProcessStatus } from './tended-process.ts';

/** The supervisor of one state folder, as the command line talks to it. */
export interface SupervisorClient {
  /** Undefined when no supervisor answers. */
  status(): Promise<readonly ProcessStatus[] | undefined>;
  measured(): Promise<readonly MeasuredStatus[] | undefined>;
  order(order: Order, process: string, signal?: NodeJS.Signals): Promise<ProcessStatus>;
  stop(): Promise<void>;
}

export function connectSupervisor(stateDir: string): SupervisorClient {
  const socketFile = socketPath(stateDir);
  const orUndefined = <T>(error: NodeJS.ErrnoException): T | undefined => {
    if (
      error.code === 'ENOENT' ||
      error.code === 'ECONNREFUSED' ||
      error.code === 'ECONNRESET' ||
      error.code === 'EPIPE'
    )
      return undefined;
    throw error;
  };
  return {
    status: () =>
      ask<readonly ProcessStatus[]>(socketFile, 'GET', '/status', 30_000).catch(orUndefined<readonly ProcessStatus[]>),
    measured: () =>
      ask<readonly MeasuredStatus[]>(socketFile, 'GET', '/measured', 60_000).catch(
        orUndefined<readonly MeasuredStatus[]>,
      ),
    order: (order, process, signal) => {
      const query = new URLSearchParams({ process, ...(signal === undefined ? {} : { signal }) });
      return ask<ProcessStatus>(socketFile, 'POST', `/${order}?${query}`, 40_000);
    },
    async stop() {
      await ask(socketFile, 'POST', '/stop', 90_000);
    },
  };
}

function ask<T>(socketFile: string, method: string, path: string, timeoutMs: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const call = request(
      { socketPath: socketFile, method, path, signal: AbortSignal.timeout(timeoutMs) },
      (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk;
        });
        response.once('error', reject);
        response.once('end', () => {
          if (response.statusCode === 200) resolve(JSON.parse(text) as T);
          else reject(new Error((JSON.parse(text) as { error: string }).error));
        });
      },
    );
    call.once('error', reject);
    call.end();
  });
}
