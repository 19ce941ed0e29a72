import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { installed } from './install.ts';

/** A program of the Debian root with the folders that it sees. */
export interface SandboxedCommand {
  /** The Debian root, seen read-only as `/`. */
  readonly root: string;
  /** Seen as `/state`, writable. */
  readonly stateDir: string;
  /** Seen as `/part`, read-only: what does not come from Debian. */
  readonly partDir?: string | undefined;
  readonly argv: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Where standard output and error go: an open file, or 'pipe'. */
  readonly output: number | 'pipe';
}

export interface Sandboxed {
  /** The sandbox itself; its exit is the program's. */
  readonly sandbox: ChildProcess;
  /** The program as this machine sees it: the one to signal. Undefined when it died before it began. */
  readonly programPid: Promise<number | undefined>;
}

/**
 * Starts a program in the Debian root as an ordinary user with processes of its own. All of them die with the program,
 * and the program with the caller, however the caller dies.
 */
export function spawnSandboxed({ root, stateDir, partDir, argv, env, output }: SandboxedCommand): Sandboxed {
  const isolation = [
    // The servers refuse uid 0; inside the sandbox the caller, root or not, is user 1000.
    ...['--unshare-user', '--uid', '1000', '--gid', '1000'],
    ...['--unshare-pid', '--as-pid-1', '--unshare-ipc', '--die-with-parent', '--new-session', '--info-fd', '3'],
  ];
  const view = [
    ...['--ro-bind', root, '/', '--dev', '/dev', '--proc', '/proc', '--tmpfs', '/tmp', '--tmpfs', '/run'],
    ...['--ro-bind-try', '/etc/resolv.conf', '/etc/resolv.conf', '--ro-bind-try', '/etc/hosts', '/etc/hosts'],
    ...['--bind', stateDir, '/state', '--chdir', '/state'],
    ...(partDir === undefined ? [] : ['--ro-bind', partDir, '/part']),
  ];
  const sandbox = spawn('bwrap', [...isolation, ...view, ...argv], {
    stdio: ['ignore', output, output, 'pipe'],
    env: { PATH: '/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin', HOME: '/state', LANG: 'C.UTF-8', ...env },
  });
  const started = new Promise<void>((resolve, reject) => {
    sandbox.once('spawn', resolve);
    sandbox.once('error', reject);
  });
  const programPid = started.then(async () => {
    const info = await text(sandbox.stdio[3] as Readable);
    return /"child-pid":\s*(\d+)/.exec(info)?.[1];
  });
  return { sandbox, programPid: programPid.then((pid) => (pid === undefined ? undefined : Number(pid))) };
}

/** Runs a program of the Debian root in the foreground, on the caller's terminal. Resolves to its exit code. */
export async function runInRoot(argv: readonly string[], env: Readonly<Record<string, string>>): Promise<number> {
  const root = join(await installed('root'), 'rootfs');
  const view = ['--ro-bind', root, '/', '--dev', '/dev', '--proc', '/proc', '--tmpfs', '/tmp', '--tmpfs', '/state'];
  const isolation = ['--unshare-user', '--uid', '1000', '--gid', '1000', '--unshare-pid', '--die-with-parent'];
  const child = spawn('bwrap', [...isolation, ...view, '--chdir', '/state', ...argv], {
    stdio: 'inherit',
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: '/state', LANG: 'C.UTF-8', ...env },
  });
  return await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(code ?? 1));
  });
}
