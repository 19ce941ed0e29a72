import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '@flotilla/errors';
import { platformMigrations } from '../platform/index.ts';

/** One step of the schema. */
export interface Migration {
  /** `20261123-create-loans`: sorts by time. */
  readonly name: string;
  readonly up: string;
  readonly down: string | undefined;
  readonly checksum: string;
  readonly origin: 'platform' | 'service';
}

/** The platform's migrations followed by those of the folder, in the order of their names. */
export async function migrationSet(folder: string): Promise<readonly Migration[]> {
  const files = (await readdir(folder)).filter((file) => file.endsWith('.sql')).sort();
  const names = files.filter((file) => !file.endsWith('.down.sql')).map((file) => file.slice(0, -'.sql'.length));
  for (const name of names) {
    if (!/^\d{8,14}-[a-z0-9-]+$/.test(name)) {
      throw new AppError('failed_precondition', 'MIGRATION_INVALID', `${name}.sql: call it <timestamp>-<verb>.sql.`);
    }
  }
  const own = await Promise.all(
    names.map(async (name) => {
      const up = await readFile(join(folder, `${name}.sql`), 'utf8');
      const hasDown = files.includes(`${name}.down.sql`);
      const down = hasDown ? await readFile(join(folder, `${name}.down.sql`), 'utf8') : undefined;
      return { name, up, down, checksum: checksumOf(up), origin: 'service' as const };
    }),
  );
  return [...platformSet(), ...own];
}

/** What every database gets before the service's own migrations. */
export function platformSet(): readonly Migration[] {
  return platformMigrations.map((migration) => ({
    ...migration,
    checksum: checksumOf(migration.up),
    origin: 'platform' as const,
  }));
}

/** Line ends do not count: git may change them. */
export function checksumOf(sql: string): string {
  return createHash('sha256').update(sql.replaceAll('\r\n', '\n')).digest('hex');
}
