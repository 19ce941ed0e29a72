import { resolve } from 'node:path';
import { lintTree } from './lint-tree.ts';
import { readTree } from './read-tree.ts';
import { rules } from './rules/index.ts';

const root = resolve(process.argv[2] ?? '.');
const { problems, waivers, counts } = lintTree(readTree(root), rules);
const lines = [
  ...waivers.map(({ path, line, rule, reason }) => `waived ${path}:${line} ${rule}: ${reason}`),
  ...problems.map(({ path, line, rule, message }) => `${path}:${line} ${rule}: ${message}`),
  `${counts.files} files, ${counts.imports} imports, ${problems.length} problems, ${waivers.length} waivers`,
];
process.stdout.write(`${lines.join('\n')}\n`);
if (counts.code === 0 || counts.imports === 0) {
  process.stderr.write(`Nothing was read in ${root}.\n`);
  process.exitCode = 2;
} else if (problems.length > 0) process.exitCode = 1;
