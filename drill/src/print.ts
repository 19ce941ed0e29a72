import { invariants } from './sagas/compare.ts';
import type { SagaReport } from './sagas/drill.ts';

const words = {
  lost: 'lost',
  doubled: 'doubled',
  unfinishedUndos: 'unfinished undos',
  inversions: 'order inversions',
} as const;
const mostShown = 20;

/** For a person. */
export function printed(report: SagaReport): string {
  const { median, most } = report.recoverySeconds;
  const lines = [
    `${report.runs} runs, ${report.kills} kills, ${report.pauses} pauses, ${report.cuts} half-open cuts`,
    ...invariants.map((name) => `${words[name].padEnd(18)} ${report[name]}`),
    `time to recover    ${median} s (median), ${most} s at most`,
  ];
  if (report.findings.length > 0) {
    const broken = invariants.filter((name) => report[name] > 0).map((name) => words[name]);
    lines.push('', `Broken: ${broken.join(', ')}. Contradictions between the stores:`);
    for (const { invariant, what } of report.findings.slice(0, mostShown)) lines.push(`  ${words[invariant]}: ${what}`);
    if (report.findings.length > mostShown) lines.push(`  … and ${report.findings.length - mostShown} more`);
  }
  return `${lines.join('\n')}\n`;
}
