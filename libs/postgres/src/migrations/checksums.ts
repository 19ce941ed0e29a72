import { readFile, writeFile } from 'node:fs/promises';
import { AppError } from '@flotilla/errors';
import type { Migration } from './migration-set.ts';

type Checksums = Readonly<Record<string, string>>;

/**
 * Adds the new migrations of a set to the list of those that are known, in a file beside them. What is on that list ran
 * somewhere: it is neither changed nor taken away.
 *
 * @returns whether the list was complete before
 * @throws AppError `failed_precondition MIGRATION_CHANGED` or `MIGRATION_MISSING`
 */
export async function keepChecksums(file: string, migrations: readonly Migration[], write = true): Promise<boolean> {
  const known = JSON.parse(await readFile(file, 'utf8').catch(() => '{}')) as Checksums;
  const text = `${JSON.stringify(appended(known, migrations), undefined, 2)}\n`;
  const complete = text === `${JSON.stringify(known, undefined, 2)}\n`;
  if (write && !complete) await writeFile(file, text);
  return complete;
}

function appended(known: Checksums, migrations: readonly Migration[]): Checksums {
  const found = new Map(migrations.map(({ name, checksum }) => [name, checksum]));
  for (const [name, checksum] of Object.entries(known)) {
    const now = found.get(name);
    if (now === undefined) {
      throw new AppError('failed_precondition', 'MIGRATION_MISSING', `${name} was applied and is not there any more.`);
    }
    if (now !== checksum) {
      throw new AppError(
        'failed_precondition',
        'MIGRATION_CHANGED',
        `${name} is not what it was: add another migration. Did it never run anywhere? Then take it off the list.`,
      );
    }
  }
  return Object.fromEntries([...found].sort(([a], [b]) => (a < b ? -1 : 1)));
}
