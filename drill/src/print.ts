import { invariants } from './sagas/finding.ts';
import type { SagaReport } from './sagas/report.ts';

const words = {
  lost: 'lost',
  doubled: 'doubled',
  unfinishedUndos: 'unfinished undos',
  inversions: 'order inversions',
  budgetOvershoot: 'budgets overspent',
  faultyAnswers: 'faulty answers',
} as const;
const mostShown = 20;

/** For a person. */
export function printed(report: SagaReport): string {
  const { faults, budgets } = report;
  const each = (counts: Readonly<Record<string, number>>) =>
    Object.entries(counts)
      .map(([name, times]) => `${name} ${times}`)
      .join(', ') || 'none';
  const lines = [
    `${report.runs} runs, ${report.kills} kills (${each(faults.kills)})`,
    `drivers paused past their lease: ${faults.pauses}; connections left half-open: ${each(faults.cuts)}`,
    `target: ${faults.heldAnswers} answers held back, ${faults.lateEffects} effects and ${faults.lateUndos} undos applied late`,
    `provider: ${budgets.providerCalls} calls, ${budgets.reached} of ${budgets.all} budgets used up`,
    ...invariants.map((name) => `${words[name].padEnd(18)} ${report[name]}`),
    `time to recover    ${report.medianRecoverySeconds} s (median), ${report.recoverySeconds} s at most`,
  ];
  if (report.findings.length > 0) {
    const broken = invariants.filter((name) => report[name] > 0).map((name) => words[name]);
    lines.push('', `Broken: ${broken.join(', ')}.`);
    for (const { invariant, what } of report.findings.slice(0, mostShown)) lines.push(`  ${words[invariant]}: ${what}`);
    if (report.findings.length > mostShown) lines.push(`  … and ${report.findings.length - mostShown} more`);
  }
  return `${lines.join('\n')}\n`;
}
