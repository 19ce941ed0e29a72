import { isTest, type Rule } from '../rule.ts';
import { isCode } from '../source-file.ts';

const maxLines = 400;
const maxTestLines = 500;

/** A long file has a second noun in it. */
export const fileLength: Rule = {
  name: 'file-length',
  check({ path, lines }) {
    const max = isTest(path) ? maxTestLines : maxLines;
    const length = lines.at(-1) === '' ? lines.length - 1 : lines.length;
    if (!(isCode(path) || path.endsWith('.proto')) || length <= max) return [];
    return [{ line: 1, message: `${length} lines; at most ${max}` }];
  },
};
