import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadConfig } from './config.ts';
import { mutants } from './mutant.ts';
import { copyWorkspace, type WorkspaceCopy } from './workspace-copy.ts';

let copy: WorkspaceCopy;
beforeAll(() => {
  copy = copyWorkspace(loadConfig());
});
afterAll(() => copy?.remove());

test.each(mutants)('noticed by a test: $name', async (mutant) => {
  expect(await copy.run(mutant)).toMatchObject({ status: 'failed', failure: expect.stringMatching(mutant.failure) });
});
