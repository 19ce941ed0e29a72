import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** Runs one of the programs beside this file as a process of its own, to be killed. */
export function startChild(
  program: string,
  options: object,
): { kill(): Promise<void>; exited: Promise<unknown>; process: ChildProcess } {
  const child = spawn(
    process.execPath,
    [fileURLToPath(new URL(`./${program}`, import.meta.url)), JSON.stringify(options)],
    {
      stdio: ['pipe', 'inherit', 'inherit'],
    },
  );
  const exited = once(child, 'exit');
  return {
    process: child,
    exited,
    async kill() {
      child.kill('SIGKILL');
      await exited;
    },
  };
}
