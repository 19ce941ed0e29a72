import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import type { MutantsConfig } from './config.ts';
import type { Mutant } from './mutant.ts';

/** What is needed of the workspace to run the tests of libraries and of the workflow service. */
const folders = ['libs', 'demo', 'deploy', 'fleet-tests', 'services/workflow'];
const files = ['package.json', 'tsconfig.base.json', 'vitest.config.ts'];

/** How one test ended in the copy. */
export interface TestEnd {
  readonly status: string;
  readonly failure: string;
}

export interface WorkspaceCopy {
  /** Runs the mutant's test while the mutant is in place. Undefined where no test of this name was found. */
  run(mutant: Mutant): Promise<TestEnd | undefined>;
  remove(): void;
}

/** Copies the sources; packages of others are shared with the workspace, its own lead into the copy. */
export function copyWorkspace({ workspace, copy, env }: MutantsConfig): WorkspaceCopy {
  mkdirSync(copy, { recursive: true });
  for (const folder of folders) {
    cpSync(join(workspace, folder), join(copy, folder), {
      recursive: true,
      verbatimSymlinks: true,
      preserveTimestamps: true,
      filter: (source) => !(basename(source) === 'dist' && relative(workspace, source).startsWith('libs')),
    });
  }
  for (const file of files) cpSync(join(workspace, file), join(copy, file));
  symlinkSync(join(workspace, 'node_modules'), join(copy, 'node_modules'));

  return {
    async run({ file, original, mutation, project, testFile, testName }) {
      const path = join(copy, file);
      const source = readFileSync(path, 'utf8');
      if (source.split(original).length !== 2)
        throw new Error(`${file} no longer has this once: ${original.trim()}\nLet the mutant follow the source.`);
      writeFileSync(
        path,
        source.replace(original, () => mutation),
      );
      const report = join(copy, 'report.json');
      rmSync(report, { force: true });
      try {
        await runTest(['--project', project, testFile, '-t', `^${escaped(testName)}$`, `--outputFile.json=${report}`]);
        return readReport(report, testName);
      } finally {
        writeFileSync(path, source);
      }
    },
    remove: () => rmSync(copy, { recursive: true, force: true }),
  };

  /** A test that fails is what is wanted, so the exit code says nothing here; the report does. */
  function runTest(argv: readonly string[]): Promise<void> {
    const vitest = [join(copy, 'node_modules/vitest/vitest.mjs'), 'run', '--reporter=json', ...argv];
    return new Promise((resolve) => {
      execFile(process.execPath, vitest, { cwd: copy, env, timeout: 100_000, killSignal: 'SIGKILL' }, () => resolve());
    });
  }
}

interface Report {
  readonly testResults: readonly {
    readonly message: string;
    readonly assertionResults: readonly {
      readonly title: string;
      readonly status: string;
      readonly failureMessages: readonly string[];
    }[];
  }[];
}

function readReport(path: string, testName: string): TestEnd | undefined {
  const { testResults } = JSON.parse(readFileSync(path, 'utf8')) as Report;
  const found = testResults.flatMap((file) => file.assertionResults).find(({ title }) => title === testName);
  return found && { status: found.status, failure: found.failureMessages.join('\n') };
}

function escaped(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
