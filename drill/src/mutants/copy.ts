import { cpSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { DrillConfig } from '../config.ts';
import type { Mutant } from './mutants.ts';

/** What the fleet is built from and run by. */
const folders = ['libs', 'services', 'deploy', 'demo', 'cli', 'proto', 'patches'];
const files = [
  'package.json',
  'pnpm-lock.yaml',
  'pnpm-workspace.yaml',
  'rolldown.config.ts',
  'tsconfig.base.json',
  'turbo.json',
];

/**
 * Copies the sources and puts the mutant into them; packages of others are shared with the workspace, its own lead into
 * the copy. Answers the folder of the copy, whose bundles must be built anew.
 * @throws Error when the source no longer has what the mutant replaces
 */
export function copyWithMutant({ workspace, stateDir }: DrillConfig, mutant: Mutant): string {
  const copy = join(stateDir, 'mutant');
  rmSync(copy, { recursive: true, force: true });
  mkdirSync(copy, { recursive: true });
  for (const folder of folders) {
    cpSync(join(workspace, folder), join(copy, folder), {
      recursive: true,
      verbatimSymlinks: true,
      filter: (source) => !['dist', '.turbo'].includes(basename(source)),
    });
  }
  for (const file of files) cpSync(join(workspace, file), join(copy, file));
  symlinkSync(join(workspace, 'node_modules'), join(copy, 'node_modules'));
  const path = join(copy, mutant.file);
  const source = readFileSync(path, 'utf8');
  if (source.split(mutant.original).length !== 2) {
    throw new Error(`${mutant.file} no longer has this once: ${mutant.original.trim()}\nLet the mutant follow it.`);
  }
  writeFileSync(
    path,
    source.replace(mutant.original, () => mutant.mutation),
  );
  return copy;
}
