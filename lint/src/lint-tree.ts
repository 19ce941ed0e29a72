import type { Rule } from './rule.ts';
import { isCode, readSource } from './source-file.ts';
import { readWorkspace } from './workspace.ts';

/** Something that breaks a rule. */
export interface Problem {
  readonly path: string;
  readonly line: number;
  readonly rule: string;
  readonly message: string;
}

/** Something that breaks a rule for a reason that is written beside it. */
export interface Waiver extends Problem {
  readonly reason: string;
}

/** What became of a tree. */
export interface Report {
  readonly problems: readonly Problem[];
  readonly waivers: readonly Waiver[];
  /** What was really read: a linter that reads nothing passes everything. */
  readonly counts: { readonly files: number; readonly code: number; readonly imports: number };
}

/** Not written by hand, or wrong on purpose. */
const excluded = /(^|\/)(node_modules|dist|gen|vendor|fixtures)\/|\.gen\.ts$|\/db\/schema\.ts$/;

/**
 * Applies rules to a tree of path → text. A finding is waived by a comment on its line or the line before, or anywhere
 * for one that concerns the whole file: `// <rule>: reason`.
 */
export function lintTree(tree: ReadonlyMap<string, string>, rules: readonly Rule[]): Report {
  const workspace = readWorkspace(
    new Map([...tree].filter(([path]) => /(^|\/)package\.json$/.test(path) && !excluded.test(path))),
  );
  const files = [...tree]
    .filter(([path]) => !excluded.test(path) && (isCode(path) || /\.(sql|proto)$/.test(path)))
    .map(([path, text]) => readSource(path, text));
  const problems: Problem[] = [];
  const waivers: Waiver[] = [];
  for (const file of files) {
    for (const rule of rules) {
      for (const { line, message } of rule.check(file, workspace)) {
        const problem = { path: file.path, line, rule: rule.name, message };
        const reason = waiverOf(file.lines, line, rule.name);
        if (reason === undefined) problems.push(problem);
        else waivers.push({ ...problem, reason });
      }
    }
  }
  const counts = {
    files: files.length,
    code: files.filter(({ path }) => isCode(path)).length,
    imports: files.reduce((sum, { imports }) => sum + imports.length, 0),
  };
  return { problems, waivers, counts };
}

function waiverOf(lines: readonly string[], line: number, rule: string): string | undefined {
  const comment = new RegExp(`(?://|--)\\s*${rule}:\\s*(\\S.*)$`);
  const near = line === 1 ? lines : [lines[line - 2] ?? '', lines[line - 1] ?? ''];
  for (const text of near) {
    const reason = comment.exec(text)?.[1];
    if (reason !== undefined) return reason;
  }
  return undefined;
}
