import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { mutants } from './mutants.ts';

const workspace = join(import.meta.dirname, '../../..');

test.each(mutants)('$name still has its place in the sources', ({ file, original }) => {
  expect(readFileSync(join(workspace, file), 'utf8').split(original)).toHaveLength(2);
});
