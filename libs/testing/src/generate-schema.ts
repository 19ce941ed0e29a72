import { readFile, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { testSchemaTypes } from './database.ts';

/**
 * Called by a service's generate script, in its folder: `node ../../libs/testing/src/generate-schema.ts <service> <domain>
 * [extension…]` writes src/db/schema.ts from the migrated database. With `--check` it compares instead.
 */
const args = process.argv.slice(2).filter((arg) => arg !== '--check');
const [service = '', domain = '', ...extensions] = args;
const file = resolve('src/db/schema.ts');
const text = await testSchemaTypes({
  service,
  migrations: resolve('src/db/migrations'),
  domain,
  extensions,
});
if (process.argv.includes('--check')) {
  if ((await readFile(file, 'utf8').catch(() => '')) !== text) {
    throw new Error(`${file} is not what the migrations make: run pnpm generate`);
  }
} else {
  await writeFile(file, text);
}
