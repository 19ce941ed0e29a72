import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statfsSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { isFree } from '@flotilla/deploy';
import type { CliConfig } from '../config.ts';
import { portOwner } from '../process-table.ts';
import { connectSupervisor } from '../supervisor/client.ts';

interface Finding {
  readonly what: string;
  /** Undefined: well. Otherwise what is wrong and what to do. */
  readonly wrong?: string | undefined;
}

/** Looks for whatever would keep the fleet from running. Resolves to the exit code: 0 when nothing would. */
export async function doctor(config: CliConfig): Promise<number> {
  const findings = [
    system(),
    cores(),
    memory(),
    ...disks(config),
    sandbox(),
    clock(config),
    ...tools(),
    ...(await ports(config)),
  ];
  for (const { what, wrong } of findings) {
    process.stdout.write(wrong === undefined ? `ok     ${what}\n` : `WRONG  ${what}\n       ${wrong}\n`);
  }
  const wrong = findings.filter((finding) => finding.wrong !== undefined).length;
  process.stdout.write(
    wrong === 0 ? 'Nothing keeps the fleet from running.\n' : `${wrong} of ${findings.length} need attention.\n`,
  );
  return wrong === 0 ? 0 : 1;
}

function system(): Finding {
  const release = existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : '';
  const name = /^PRETTY_NAME="?([^"\n]*)/m.exec(release)?.[1] ?? 'unknown system';
  const isDebian = /^ID=debian$/m.test(release) && Number(/^VERSION_ID="?(\d+)/m.exec(release)?.[1] ?? 99) >= 12;
  const wrong = isDebian ? undefined : 'The native stack is made for Debian 12 and 13; elsewhere use docker compose.';
  return { what: `${name}, ${process.arch}, Node ${process.version}`, wrong };
}

function cores(): Finding {
  const count = availableParallelism();
  return { what: `${count} cores`, wrong: count >= 2 ? undefined : 'The fleet needs two cores.' };
}

function memory(): Finding {
  const free = Number(/^MemAvailable:\s+(\d+)/m.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1] ?? 0) / 1024;
  const wrong = free >= 2500 ? undefined : 'The fleet takes about 2.5 GB. End what you do not need.';
  return { what: `${Math.round(free)} MB of memory free`, wrong };
}

function disks(config: CliConfig): Finding[] {
  const cache = join(config.env['XDG_CACHE_HOME'] ?? join(config.env['HOME'] ?? '/', '.cache'), 'flotilla');
  return [['cache', cache, existsSync(cache) ? 200 : 4000] as const, ['state', config.stateDir, 1000] as const].map(
    ([what, folder, neededMb]) => {
      const { bavail, bsize } = statfsSync(nearestFolder(folder));
      const freeMb = Math.round((bavail * bsize) / 1024 / 1024);
      const wrong =
        freeMb >= neededMb
          ? undefined
          : `At least ${neededMb} MB are needed there. Free some space, or set XDG_CACHE_HOME or FLOTILLA_STATE_DIR.`;
      return { what: `${freeMb} MB of disk free for the ${what} in ${folder}`, wrong };
    },
  );
}

function sandbox(): Finding {
  const what = 'programs can be run in a sandbox (user namespaces)';
  try {
    const argv = [
      '--unshare-user',
      '--uid',
      '1000',
      '--gid',
      '1000',
      '--unshare-pid',
      '--ro-bind',
      '/',
      '/',
      '--proc',
      '/proc',
      'true',
    ];
    execFileSync('bwrap', argv, { stdio: 'pipe', timeout: 10_000 });
    return { what };
  } catch (problem) {
    const allow =
      'Allow them: sudo sysctl -w kernel.unprivileged_userns_clone=1 (or run as root, or use docker compose).';
    return { what, wrong: `${problem instanceof Error ? problem.message.split('\n').at(-2) : ''} ${allow}` };
  }
}

function clock(config: CliConfig): Finding {
  const checkout = statSync(join(config.workspace, 'package.json')).mtimeMs;
  const wrong =
    Date.now() + 60_000 >= checkout
      ? undefined
      : 'The clock is behind the files of this checkout. Set it: sudo timedatectl set-ntp true';
  return { what: `clock says ${new Date().toISOString()}`, wrong };
}

function tools(): Finding[] {
  return [
    ['bwrap', 'bubblewrap'] as const,
    ['mmdebstrap', 'mmdebstrap'] as const,
    ['setpriv', 'util-linux'] as const,
    ['flock', 'util-linux'] as const,
    ['git', 'git'] as const,
  ].map(([tool, debianPackage]) => {
    try {
      const version = execFileSync(tool, ['--version'], { encoding: 'utf8', timeout: 10_000 }).split('\n')[0];
      return { what: version ?? tool };
    } catch {
      return { what: tool, wrong: `Not found. Install it: sudo apt-get install ${debianPackage}` };
    }
  });
}

async function ports(config: CliConfig): Promise<Finding[]> {
  if ((await connectSupervisor(config.stateDir).status()) !== undefined) return [{ what: 'the fleet is running' }];
  const base = config.portBase;
  const all = [
    ...Array.from({ length: 9 }, (_, index) => base + index),
    ...Array.from({ length: 7 }, (_, index) => base + 20 + index),
    ...Array.from({ length: 7 }, (_, index) => base + 100 + index),
  ];
  const taken: string[] = [];
  for (const port of all) {
    if (await isFree(port)) continue;
    const owner = portOwner(port);
    taken.push(
      `${port} by ${owner === undefined ? 'a process of another user' : `process ${owner.pid} (${owner.command.slice(0, 60)})`}`,
    );
  }
  const wrong =
    taken.length === 0
      ? undefined
      : `Taken: ${taken.join('; ')}. End it, or choose others: FLOTILLA_PORT_BASE=${base + 1000} ./flotilla up`;
  return [{ what: `ports from ${base} are free`, wrong }];
}

function nearestFolder(folder: string): string {
  return existsSync(folder) ? folder : nearestFolder(dirname(folder));
}
