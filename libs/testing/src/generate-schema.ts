import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { keepChecksums, migrationSet } from '@flotilla/postgres';
import { testSchemaTexts } from './database.ts';

/**
 * Called by a service's generate script, in its folder: `node ../../libs/testing/src/generate-schema.ts <service> <domain>
 * [extension…]` writes src/db/schema.ts and docs/er/<service>.md from the migrated database, and keeps the list of its migrations.
 * With `--check` it compares instead.
 */
const check = process.argv.includes('--check');
const args = process.argv.slice(2).filter((arg) => arg !== '--check');
const [service = '', domain = '', ...extensions] = args;
const migrations = resolve('src/db/migrations');
const own = (await migrationSet(migrations)).filter(({ origin }) => origin === 'service');
const list = resolve(migrations, 'checksums.gen.json');
if (!(await keepChecksums(list, own, !check)) && check) throw new Error(`${list} is not complete: run pnpm generate`);
const { types, diagram } = await testSchemaTexts({
  service,
  migrations,
  domain,
  extensions,
});
const texts = new Map([
  [resolve('src/db/schema.ts'), types],
  [
    resolve('../../docs/er', `${service}.md`),
    `# Tables of ${service}\n\nGenerated from the migrated database. Every relation also carries \`tenant_id\`; tables of the platform (outbox, inbox,\nidempotency keys, migration history) are left out.\n\n\`\`\`mermaid\n${diagram}\`\`\`\n`,
  ],
]);
for (const [file, text] of texts) {
  if (check) {
    if ((await readFile(file, 'utf8').catch(() => '')) !== text) {
      throw new Error(`${file} is not what the migrations make: run pnpm generate`);
    }
  } else {
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text);
  }
}
