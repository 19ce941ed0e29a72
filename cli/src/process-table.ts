import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** A process as the kernel identifies it: a pid comes back after a while, together with its start time it does not. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks after boot. */
  readonly startTicks: number;
}

/** Undefined when there is no such process. A process that has ended but was not collected counts as ended. */
export function identify(pid: number): ProcessIdentity | undefined {
  const stat = readStat(pid);
  if (stat === undefined || stat[0] === 'Z' || stat[0] === 'X') return undefined;
  return { pid, startTicks: Number(stat[19]) };
}

/** Whether exactly this process still runs. */
export function isAlive({ pid, startTicks }: ProcessIdentity): boolean {
  return identify(pid)?.startTicks === startTicks;
}

/** Sends a signal unless the process has ended meanwhile. */
export function signalProcess({ pid, startTicks }: ProcessIdentity, signal: NodeJS.Signals): void {
  if (!isAlive({ pid, startTicks })) return;
  try {
    process.kill(pid, signal);
  } catch (problem) {
    if ((problem as NodeJS.ErrnoException).code !== 'ESRCH') throw problem;
  }
}

/** Memory that each of these processes holds together with its descendants, shared pages counted once. Bytes. */
export function memoryOf(pids: readonly number[]): ReadonlyMap<number, number> {
  const children = new Map<number, number[]>();
  for (const one of allPids()) {
    const parent = Number(readStat(one)?.[1]);
    children.set(parent, [...(children.get(parent) ?? []), one]);
  }
  const tree = (root: number): number[] => [root, ...(children.get(root) ?? []).flatMap(tree)];
  return new Map(pids.map((pid) => [pid, tree(pid).reduce((sum, one) => sum + proportionalSize(one), 0)]));
}

/** Who listens on a TCP port of this machine, as far as the caller may see it. */
export function portOwner(port: number): { readonly pid: number; readonly command: string } | undefined {
  const inodes = new Set(['/proc/net/tcp', '/proc/net/tcp6'].flatMap((table) => listeningInodes(table, port)));
  if (inodes.size === 0) return undefined;
  for (const pid of allPids()) {
    for (const target of openFiles(pid)) {
      const inode = /^socket:\[(\d+)\]$/.exec(target)?.[1];
      if (inode !== undefined && inodes.has(inode)) return { pid, command: commandOf(pid) };
    }
  }
  return undefined;
}

/** The command line of a process, its words joined by blanks. */
export function commandOf(pid: number): string {
  return read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim();
}

function listeningInodes(table: string, port: number): string[] {
  const listening = '0A';
  return read(table)
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter((columns) => columns[3] === listening && Number.parseInt(columns[1]?.split(':')[1] ?? '', 16) === port)
    .map((columns) => columns[9] ?? '');
}

function allPids(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

function openFiles(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).map((fd) => link(`/proc/${pid}/fd/${fd}`));
  } catch {
    return [];
  }
}

/** Empty when the file was closed meanwhile. */
function link(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

function proportionalSize(pid: number): number {
  const kilobytes =
    /^Pss:\s+(\d+) kB/m.exec(read(`/proc/${pid}/smaps_rollup`))?.[1] ??
    /^VmRSS:\s+(\d+) kB/m.exec(read(`/proc/${pid}/status`))?.[1];
  return Number(kilobytes ?? 0) * 1024;
}

/** Fields of /proc/<pid>/stat from the third (the state) on: the second, the name, may itself hold blanks. */
function readStat(pid: number): string[] | undefined {
  const stat = read(`/proc/${pid}/stat`);
  return stat === '' ? undefined : stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
