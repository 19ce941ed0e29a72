import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { definitionSchema } from '../src/domain/shape.ts';
import { stepKinds } from '../src/steps/catalogue.ts';

/** Writes docs/workflow-definition.schema.json from the kinds of steps. With `--check` it compares instead. */
const file = fileURLToPath(new URL('../../../docs/workflow-definition.schema.json', import.meta.url));
const text = `${JSON.stringify(definitionSchema(stepKinds), undefined, 2)}\n`;
if (!process.argv.includes('--check')) await writeFile(file, text);
else if ((await readFile(file, 'utf8')) !== text)
  throw new Error(`${file} is not what the kinds of steps say: run pnpm generate`);
