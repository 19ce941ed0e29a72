import type { RunReport } from './run-report.ts';
import type { ChangeRecord, LedgerCounts } from './tracker/ledger.ts';

/** Everything that is known after the last run. */
export interface DemoOutcome {
  readonly runs: readonly {
    readonly report: RunReport;
    readonly record: ChangeRecord | undefined;
    readonly locked: boolean;
    readonly broke: boolean;
  }[];
  readonly tracker: LedgerCounts;
  readonly audit: { readonly events: number; readonly hashMismatches: number };
}

/** Says what is not as it should be; nothing where all is well. */
export function findFaults({ runs, tracker, audit }: DemoOutcome): string[] {
  const faults = runs.flatMap(({ report, record, locked }) =>
    faultsOfRun(report, record, locked).map((fault) => `${report.input}: ${fault}`),
  );
  if (tracker.duplicates > 0) faults.push(`the tracker saw ${tracker.duplicates} changes more than once`);
  if (tracker.orphans > 0) faults.push(`${tracker.orphans} changes came after their undo`);
  if (audit.hashMismatches > 0) faults.push(`${audit.hashMismatches} audit events do not have the hash of their bytes`);
  if (audit.events === 0) faults.push('the audit log knows nothing of the runs');
  if (!runs.some(({ report }) => report.compensation === 'complete')) faults.push('no run showed compensation');
  for (const { report } of runs.filter(({ broke }) => broke)) {
    const stopped = report.steps.some(({ id, error }) => id === 'summarise' && error === 'BUDGET_EXCEEDED');
    if (!stopped) faults.push(`${report.input}: nothing stopped it`);
    if (!report.steps.some(({ id, visit }) => id === 'open' && visit > 1)) faults.push(`${report.input}: not retried`);
  }
  return faults;
}

function faultsOfRun(run: RunReport, record: ChangeRecord | undefined, locked: boolean): string[] {
  const faults: string[] = [];
  const expect = (holds: boolean, fault: string) => {
    if (!holds) faults.push(fault);
  };
  const told = (channel: string) =>
    run.notifications.some((one) => one.channel === channel && ['sent', 'delivered'].includes(one.status));
  if (run.status === 'completed') {
    expect(!locked, 'completed although its record was locked');
    expect(run.verdict?.outcome === 'passed' || run.verdict?.outcome === 'warning', 'completed without a good verdict');
    expect(record?.state === 'published', `completed, but its record is ${record?.state ?? 'missing'}`);
    expect(
      run.verdict?.outcome !== 'warning' || record?.label === 'needs review',
      'a warning was not marked for review',
    );
    expect(told('email') && told('in_app'), 'completed, but not everybody was told');
  } else {
    expect(run.status === 'failed', `ended as ${run.status}`);
    expect(run.compensation === 'complete', `failed, but its undo is ${run.compensation}`);
    expect(record === undefined || record.state === 'withdrawn', `failed, but its record is ${record?.state}`);
    expect(told('in_app'), 'failed, but its owner was not told');
  }
  expect(run.auditEvents.length > 0, 'the audit log knows nothing of it');
  return faults;
}
