import type { SourceFile } from './source-file.ts';
import type { Workspace } from './workspace.ts';

/** What a rule found wrong. */
export interface Finding {
  /** From 1. */
  readonly line: number;
  readonly message: string;
}

/** A house rule, applied to one file. */
export interface Rule {
  /** Also the word of its waiver: `// file-length: reason`. */
  readonly name: string;
  check(file: SourceFile, workspace: Workspace): readonly Finding[];
}

export function isTest(path: string): boolean {
  return /(^|\/)test\//.test(path) || /\.test\.ts$/.test(path);
}
