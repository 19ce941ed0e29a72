import type { RunReport } from './run-report.ts';

const marks: Readonly<Record<string, string>> = { completed: '✓', failed: '✗', running: '…', cancelled: '–' };

/** One run as lines for people: steps, verdict, undos, notifications and the audit events of its trace. */
export function printRun(run: RunReport): string {
  const lines = [
    `${run.input}`,
    `  run ${run.id}: ${run.status}${run.compensation === 'none' ? '' : `, undo ${run.compensation}`}`,
  ];
  for (const step of run.steps) {
    const attempts = step.attempts > 1 ? `, ${step.attempts} attempts` : '';
    const visit = step.visit > 1 ? ` (visit ${step.visit})` : '';
    const error = step.error === '' ? '' : `  ${step.error}`;
    lines.push(
      `    ${marks[step.status] ?? '?'} ${pad(step.id, 19)} ${pad(step.kind, 12)} ${seconds(step.durationMs)}${attempts}${visit}${error}`,
    );
  }
  if (run.answer !== undefined) lines.push(`  answer   ${JSON.stringify(run.answer)}`);
  if (run.verdict !== undefined) {
    const review = run.verdict.outcome === 'warning' ? ' (needs review)' : '';
    const failed = run.verdict.failedRules.length === 0 ? '' : `; failed: ${run.verdict.failedRules.join(', ')}`;
    lines.push(`  verdict  ${run.verdict.outcome}${review}, score ${run.verdict.score.toFixed(2)}${failed}`);
  }
  if (run.error !== undefined)
    lines.push(`  failed   at ${run.error.step || 'no step'}: ${run.error.reason}, ${run.error.message}`);
  for (const undo of run.compensations) lines.push(`  undo     ${undo.stepId}: ${undo.status}`);
  const told = run.notifications.map(({ channel, status }) => `${channel} ${status}`).join(', ');
  lines.push(`  told     ${told === '' ? 'nobody' : told}`);
  lines.push(`  audit    ${run.auditEvents.length} events of its trace, among them`);
  for (const event of run.auditEvents.slice(-6)) {
    lines.push(`             ${pad(event.action, 46)} ${pad(event.resource, 34)} ${event.result}`);
  }
  return `${lines.join('\n')}\n`;
}

function pad(text: string, width: number): string {
  return text.padEnd(width);
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2).padStart(7)} s`;
}
