/** How many of something passed, failed or were left out. */
export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

interface Report {
  readonly testResults: readonly {
    readonly status: string;
    readonly assertionResults: readonly { readonly status: string }[];
  }[];
}

/** Counts what vitest's JSON report tells. A file that failed without a failed test (it could not be loaded) counts as one failure. */
export function countReport(json: string): Counts {
  if (json === '') return { passed: 0, failed: 0, skipped: 0 };
  const report = JSON.parse(json) as Report;
  return sum(
    report.testResults.map(({ status, assertionResults }) => {
      const having = (...states: string[]) => assertionResults.filter((one) => states.includes(one.status)).length;
      const failed = having('failed');
      return {
        passed: having('passed'),
        failed: failed === 0 && status === 'failed' ? 1 : failed,
        skipped: having('skipped', 'pending', 'todo', 'disabled'),
      };
    }),
  );
}

export function sum(counts: readonly Counts[]): Counts {
  const total = (key: keyof Counts) => counts.reduce((all, one) => all + one[key], 0);
  return { passed: total('passed'), failed: total('failed'), skipped: total('skipped') };
}

/** The closing line, in the words that a build server understands. */
export function plain({ passed, failed, skipped }: Counts): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}
