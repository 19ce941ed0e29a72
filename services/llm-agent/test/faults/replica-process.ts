import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AgentService, ExecutionService } from '@flotilla/contracts/agent';
import { freePort } from '@flotilla/deploy';
import { createGrpcClient } from '@flotilla/grpc';
import { eventually, type IdentityServer } from '@flotilla/testing';
import type { Clients } from '../harness.ts';

const folder = fileURLToPath(new URL('../..', import.meta.url));

/** The bundle as it ships, in a process of its own. */
export interface ReplicaProcess extends Pick<Clients, 'agents' | 'executions'> {
  signal(name: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT' | 'SIGTERM'): void;
  readonly exited: Promise<unknown>;
  close(): void;
}

/** Bundles the service, so that what is killed is what ships. */
export function bundle(): void {
  const rolldown = join(dirname(createRequire(import.meta.url).resolve('rolldown/package.json')), 'bin/cli.mjs');
  execFileSync(process.execPath, [rolldown, '-c', '../../rolldown.config.ts'], { cwd: folder, stdio: 'pipe' });
}

export async function startReplicaProcess(
  env: Record<string, string>,
  identity: IdentityServer,
  principal: Parameters<IdentityServer['token']>[0],
): Promise<ReplicaProcess> {
  const [grpcPort, adminPort] = [await freePort(), await freePort()];
  const child: ChildProcess = spawn(process.execPath, ['dist/main.js'], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'inherit'],
    env: {
      ...env,
      LLM_AGENT_GRPC_PORT: String(grpcPort),
      LLM_AGENT_ADMIN_PORT: String(adminPort),
      FLOTILLA_IDENTITY_ADDRESS: identity.address,
      KAFKAJS_NO_PARTITIONER_WARNING: '1',
    },
  });
  const exited = once(child, 'exit');
  await eventually(
    async () => (await fetch(`http://127.0.0.1:${adminPort}/readyz`, { signal: AbortSignal.timeout(2_000) })).ok,
    { timeoutMs: 30_000, intervalMs: 100 },
  );
  const token = await identity.token({ ttlMs: 600_000, ...principal });
  const options = { address: `127.0.0.1:${grpcPort}`, token: () => token, deadlineMs: 30_000 };
  const agents = createGrpcClient(AgentService, options);
  const executions = createGrpcClient(ExecutionService, options);
  return {
    agents,
    executions,
    exited,
    signal: (name) => void child.kill(name),
    close() {
      agents.close();
      executions.close();
      child.kill('SIGKILL');
    },
  };
}
