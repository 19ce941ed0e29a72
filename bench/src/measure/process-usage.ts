import { readdirSync, readFileSync } from 'node:fs';

/** A clock tick of the kernel's accounting: 100 to the second on every Linux that we run on. */
const tickMs = 10;

/** What a process and all its descendants have used and hold. */
export interface Usage {
  /** Processor time since its start, its ended children's included. */
  readonly cpuMs: number;
  /** Shared pages counted once, where the kernel tells. */
  readonly memoryBytes: number;
}

/** Reads the usage of each process by its name in `pids`; a descendant that has a name of its own counts there only. */
export function usageOf(
  pids: Readonly<Record<string, number>>,
  { memory = false }: { readonly memory?: boolean } = {},
): Record<string, Usage> {
  const children = childrenByParent();
  const named = new Set(Object.values(pids));
  const tree = (pid: number): number[] => [
    pid,
    ...(children.get(pid) ?? []).filter((child) => !named.has(child)).flatMap(tree),
  ];
  return Object.fromEntries(
    Object.entries(pids).map(([name, pid]) => {
      const members = tree(pid);
      return [name, { cpuMs: sum(members.map(cpuMs)), memoryBytes: memory ? sum(members.map(memoryBytes)) : 0 }];
    }),
  );
}

/** Processor time of each process between two readings. */
export function cpuBetween(
  before: Readonly<Record<string, Usage>>,
  after: Readonly<Record<string, Usage>>,
): Record<string, number> {
  return Object.fromEntries(
    Object.entries(after).map(([name, usage]) => [name, usage.cpuMs - (before[name]?.cpuMs ?? 0)]),
  );
}

function childrenByParent(): Map<number, number[]> {
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const parent = Number(statFields(Number(name))?.[1]);
    children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  return children;
}

function cpuMs(pid: number): number {
  // utime, stime, and both of the children that have ended.
  const fields = statFields(pid)?.slice(11, 15).map(Number) ?? [];
  return sum(fields) * tickMs;
}

function memoryBytes(pid: number): number {
  const kilobytes =
    /^Pss:\s+(\d+) kB/m.exec(read(`/proc/${pid}/smaps_rollup`))?.[1] ??
    /^VmRSS:\s+(\d+) kB/m.exec(read(`/proc/${pid}/status`))?.[1];
  return Number(kilobytes ?? 0) * 1024;
}

/** Fields from the third on: the second, the name, may hold blanks. */
function statFields(pid: number): string[] | undefined {
  const stat = read(`/proc/${pid}/stat`);
  return stat === '' ? undefined : stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

/** Empty when the process has ended. */
function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function sum(figures: readonly number[]): number {
  return figures.reduce((total, figure) => total + figure, 0);
}
