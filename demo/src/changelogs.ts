import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';

/** One entry of a Debian changelog: what changed in one release of a package. */
export interface ReleaseNote {
  readonly package: string;
  readonly version: string;
  readonly text: string;
}

/** The packages whose changelogs the demo reads; all are part of the native stack, so they are there. */
export const watchedPackages = ['postgresql-17', 'valkey-server', 'libssl3t64', 'openjdk-21-jre-headless'] as const;

/** The newest entry under `folder` (`usr/share/doc` of a Debian system) of each watched package that fits the small model: at most `maxCharacters`, and long enough to say something. */
export function readReleaseNotes(folder: string, maxCharacters: number): ReleaseNote[] {
  return watchedPackages.flatMap((name) => {
    const file = join(folder, name, 'changelog.Debian.gz');
    const entries = parseChangelog(gunzipSync(readFileSync(file)).toString('utf8'));
    const fitting = entries.find(({ text }) => text.length >= 60 && text.length <= maxCharacters);
    return fitting === undefined ? [] : [fitting];
  });
}

/** Splits a changelog in Debian's format (deb-changelog(5)) into its entries, newest first. */
export function parseChangelog(changelog: string): ReleaseNote[] {
  const entries: ReleaseNote[] = [];
  let header: { name: string; version: string } | undefined;
  let lines: string[] = [];
  for (const line of changelog.split('\n')) {
    const start = /^(\S+) \(([^)]+)\) [^;]+;/.exec(line);
    if (start !== null) {
      header = { name: start[1] ?? '', version: start[2] ?? '' };
      lines = [];
    } else if (line.startsWith(' -- ') && header !== undefined) {
      entries.push({ package: header.name, version: header.version, text: lines.join('\n').trim() });
      header = undefined;
    } else {
      lines.push(line);
    }
  }
  return entries;
}
