import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Exit, type FleetProcess, startServer } from '@flotilla/deploy';

/** What every process of one fleet is started with. */
export interface LaunchSite {
  readonly workspace: string;
  readonly stateDir: string;
  readonly inherited: Readonly<Record<string, string>>;
  /** Services run from their sources instead of their bundles. */
  readonly fromSources: boolean;
}

/** A process that was started once. It dies with the supervisor. */
export interface Launched {
  readonly pid: number;
  readonly exited: Promise<Exit>;
  /** What is wrong, in one line; undefined when it is well. */
  ailment(): Promise<string | undefined>;
  /** Orderly end, then SIGKILL. */
  stop(): Promise<void>;
}

const graceMs = 15_000;

/** Starts a process; a backing server is ready when this resolves, others are only begun. */
export async function launch(
  { name, program, health, ports, env }: FleetProcess,
  site: LaunchSite,
  onOutput: (chunk: Buffer) => void,
  signal: AbortSignal,
): Promise<Launched> {
  if (program.kind === 'server') {
    const [port, secondPort] = Object.values(ports);
    const server = await startServer(program.server, {
      stateDir: join(site.stateDir, 'data', name),
      ...(port === undefined ? {} : { port }),
      ...(secondPort === undefined ? {} : { secondPort }),
      ...(program.password === undefined ? {} : { password: program.password }),
      onOutput,
      signal,
    });
    return {
      pid: server.pid,
      exited: server.exited,
      ailment: async () => ((await server.isReady()) ? undefined : 'does not answer'),
      stop: () => server.stop(),
    };
  }
  const script =
    program.kind === 'script' ? program.path : join(program.folder, site.fromSources ? 'src/main.ts' : 'dist/main.js');
  // No source maps: they cost each process 100 MB, and the bundles are readable as they are.
  const node = ['--disable-warning=TimeoutNegativeWarning', join(site.workspace, script), ...program.argv];
  // setpriv replaces itself by Node: the pid stays, and the kernel ends Node when the supervisor is gone.
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', process.execPath, ...node], {
    cwd: site.workspace,
    env: { ...site.inherited, NODE_COMPILE_CACHE: join(site.stateDir, 'compile-cache'), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child.stdout.on('data', onOutput);
  child.stderr.on('data', onOutput);
  const exited = new Promise<Exit>((resolve) => {
    child.once('exit', (code, by) => resolve({ code, signal: by }));
    child.once('error', () => resolve({ code: 127, signal: null }));
  });
  const { pid } = child;
  if (pid === undefined) throw new Error(`${name} could not be started: setpriv (package util-linux) is missing.`);
  return {
    pid,
    exited,
    ailment: () => (health.kind === 'http' ? ailmentOf(health.port, health.path) : Promise.resolve('is a task')),
    async stop() {
      child.kill('SIGTERM');
      child.kill('SIGCONT');
      const patience = new AbortController();
      const late = delay(graceMs, 'late', { signal: patience.signal }).catch(() => 'ended');
      if ((await Promise.race([exited, late])) === 'late') child.kill('SIGKILL');
      patience.abort();
      await exited;
    },
  };
}

async function ailmentOf(port: number, path: string): Promise<string | undefined> {
  try {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, { signal: AbortSignal.timeout(2_000) });
    const body = await answer.text();
    return answer.ok ? undefined : `answers ${answer.status}: ${body.slice(0, 200)}`;
  } catch {
    return `does not answer on port ${port}`;
  }
}
