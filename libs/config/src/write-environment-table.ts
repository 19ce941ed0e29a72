import { readFile, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { replaceEnvironmentTable } from './describe-environment.ts';
import type { EnvironmentReader } from './environment-reader.ts';

/**
 * Called by a service's generate script, in its folder: renews the table of variables in README.md from the
 * `readConfig` of src/config.ts. With `--check` it compares instead.
 */
const { readConfig } = (await import(pathToFileURL(resolve('src/config.ts')).href)) as {
  readConfig: (read: EnvironmentReader) => unknown;
};
const file = resolve('README.md');
const before = await readFile(file, 'utf8');
const renewed = replaceEnvironmentTable(before, readConfig);
if (!process.argv.includes('--check')) await writeFile(file, renewed);
else if (renewed !== before) throw new Error(`${file} does not list the variables as they are: run pnpm generate`);
