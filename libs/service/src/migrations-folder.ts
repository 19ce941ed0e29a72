import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/**
 * Where a service's migrations lie: beside its sources, or beside its bundle.
 *
 * @example
 * migrationsFolder(import.meta.url) // in main.ts
 */
export function migrationsFolder(mainUrl: string): string {
  const besideSources = fileURLToPath(new URL('./db/migrations', mainUrl));
  return existsSync(besideSources) ? besideSources : fileURLToPath(new URL('./migrations', mainUrl));
}
