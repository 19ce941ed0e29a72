import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** How many of the TCP connections that have these local ports a process holds. Linux only, as is the native stack. */
export function countConnections(pid: number, localPorts: ReadonlySet<number>): number {
  const inodes = new Set(
    readFileSync('/proc/net/tcp', 'utf8')
      .split('\n')
      .slice(1)
      .map((line) => line.trim().split(/\s+/))
      .filter(([, local = '']) => localPorts.has(Number.parseInt(local.split(':')[1] ?? '', 16)))
      .map((fields) => `socket:[${fields[9]}]`),
  );
  return readdirSync(`/proc/${pid}/fd`).filter((fd) => inodes.has(targetOf(`/proc/${pid}/fd/${fd}`))).length;
}

/** Files are closed while one looks. */
function targetOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
