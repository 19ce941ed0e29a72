import { isTest, type Rule } from '../rule.ts';

/** `select *` breaks when a column is added; the rows of a function have no other columns than it declares. */
const star = /\bselect\s+(\w+\.)?\*(?!\s+from\s+(\w+\.)?\w+\s*\()|\.selectAll\(/i;

export const explicitColumns: Rule = {
  name: 'explicit-columns',
  check({ path, lines }) {
    if (isTest(path) || !/\.([cm]?ts|sql)$/.test(path) || path.startsWith('lint/')) return [];
    return lines.flatMap((text, index) =>
      star.test(text) ? [{ line: index + 1, message: 'select names its columns, never *' }] : [],
    );
  },
};
