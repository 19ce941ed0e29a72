import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { eventually } from '@flotilla/testing';
import { freePort } from './free-port.ts';

const bundle = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
const sources = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

/** The workflow service as a process of its own: what ships, or the sources where nothing was built. */
export interface ServiceProcess {
  readonly address: string;
  readonly pid: number;
  kill(signal: NodeJS.Signals): void;
  /** Kills and waits for the end. */
  end(): Promise<void>;
}

export async function startProcess(env: Readonly<Record<string, string>>): Promise<ServiceProcess> {
  const [grpcPort, adminPort] = [await freePort(), await freePort()];
  const child: ChildProcess = spawn(process.execPath, [existsSync(bundle) ? bundle : sources], {
    env: { ...env, WORKFLOW_GRPC_PORT: String(grpcPort), WORKFLOW_ADMIN_PORT: String(adminPort) },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  await eventually(
    async () => {
      if (child.exitCode !== null) throw new Error('The service ended at once.');
      return (await fetch(`http://127.0.0.1:${adminPort}/readyz`)).status === 200;
    },
    { timeoutMs: 60_000 },
  );
  return {
    address: `127.0.0.1:${grpcPort}`,
    pid: child.pid ?? 0,
    kill: (signal) => void child.kill(signal),
    async end() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}
