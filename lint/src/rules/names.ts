import type { Rule } from '../rule.ts';
import { isCode } from '../source-file.ts';

const emptyWords = new Set(['common', 'shared', 'util', 'utils', 'helper', 'helpers', 'core', 'misc']);
const emptyEndings = /(Manager|Helpers?|Utils?|Impl|DTO|Dto)$/;

/** Names read as sentences; words that fit everything say nothing. */
export const names: Rule = {
  name: 'names',
  check({ path, declarations }) {
    const segments = path.split('/').map((segment) => segment.replace(/\..*$/, ''));
    const file = path.split('/').at(-1) ?? '';
    return [
      ...segments
        .filter((segment) => emptyWords.has(segment))
        .map((segment) => ({ line: 1, message: `"${segment}" says nothing about what is inside` })),
      ...(isCode(path) && !/^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9-]+)*\.[cm]?[jt]s$/.test(file)
        ? [{ line: 1, message: `"${file}" is not in kebab-case` }]
        : []),
      ...declarations
        .filter(({ name }) => emptyEndings.test(name))
        .map(({ name, line }) => ({ line, message: `"${name}" ends in a word that says nothing` })),
      ...declarations
        .filter(({ kind, name }) => kind === 'interface' && /^I[A-Z][a-z]/.test(name))
        .map(({ name, line }) => ({ line, message: `"${name}" begins with an I that says only "interface"` })),
    ];
  },
};
