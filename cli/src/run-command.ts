import { spawn } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';

/** How a command ended and what it printed. */
export interface CommandResult {
  readonly code: number;
  readonly output: string;
  readonly timedOut: boolean;
}

export interface CommandOptions {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly timeoutMs: number;
  /** Shows the output while it comes, beside keeping it. */
  readonly onLine?: (line: string) => void;
}

const endings = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Runs a command to its end, or until the time is over; then it and everything it started is ended. */
export async function runCommand(
  command: string,
  argv: readonly string[],
  options: CommandOptions,
): Promise<CommandResult> {
  // setpriv replaces itself by the command, which the kernel then ends when the caller is gone.
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', command, ...argv], {
    cwd: options.cwd,
    env: options.env,
    stdio: ['ignore', 'pipe', 'pipe'],
    // Its own process group, so that the end reaches its children too.
    detached: true,
  });
  const endGroup = () => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    } catch {
      // It has ended.
    }
  };
  const leave = () => {
    endGroup();
    process.exit(130);
  };
  for (const signal of endings) process.once(signal, leave);
  let output = '';
  const rests = ['', ''];
  [child.stdout, child.stderr].forEach((stream, index) => {
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      output += chunk;
      const lines = `${rests[index]}${chunk}`.split('\n');
      rests[index] = lines.pop() ?? '';
      for (const line of lines) options.onLine?.(line);
    });
  });
  const closed = new Promise<number>((resolve) => {
    child.once('close', (code) => resolve(code ?? 1));
    child.once('error', (error) => {
      output += error.message;
      resolve(127);
    });
  });
  const patience = new AbortController();
  const late = delay(options.timeoutMs, undefined, { signal: patience.signal }).catch(() => 0);
  const first = await Promise.race([closed, late]);
  if (first === undefined) endGroup();
  patience.abort();
  const code = await closed;
  for (const signal of endings) process.removeListener(signal, leave);
  for (const rest of rests) if (rest !== '') options.onLine?.(rest);
  return { code: first === undefined ? 124 : code, output, timedOut: first === undefined };
}
