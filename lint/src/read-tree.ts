import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The files that git knows or would add, as path → text. */
export function readTree(root: string): ReadonlyMap<string, string> {
  const list = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  const paths = list.split('\0').filter((path) => /\.([cm]?[jt]s|sql|proto)$|(^|\/)package\.json$/.test(path));
  return new Map(paths.flatMap((path) => textOf(root, path)));
}

/** A file that was deleted but not yet committed is still listed. */
function textOf(root: string, path: string): [string, string][] {
  try {
    return [[path, readFileSync(join(root, path), 'utf8')]];
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
