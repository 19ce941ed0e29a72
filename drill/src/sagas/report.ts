import type { FaultReport } from './faults.ts';
import { type Finding, type Invariant, invariants } from './finding.ts';
import type { Stores } from './stores.ts';

/** What was done, and what the stores said afterwards. */
export interface SagaReport extends Readonly<Record<Invariant, number>> {
  readonly runs: number;
  readonly kills: number;
  /** The longest from a kill to every process being well. */
  readonly recoverySeconds: number;
  readonly medianRecoverySeconds: number;
  readonly faults: {
    /** By process. */
    readonly kills: Readonly<Record<string, number>>;
    readonly pauses: number;
    /** Connections that were left half-open, by what is behind them. */
    readonly cuts: Readonly<Record<string, number>>;
    /** Requests that the target held back or applied late, by its own log. */
    readonly heldAnswers: number;
    readonly lateEffects: number;
    readonly lateUndos: number;
  };
  readonly budgets: { readonly all: number; readonly reached: number; readonly providerCalls: number };
  readonly findings: readonly Finding[];
}

export function reportOf({
  runs,
  faults,
  stores,
  findings,
}: {
  readonly runs: number;
  readonly faults: FaultReport;
  readonly stores: Stores;
  readonly findings: readonly Finding[];
}): SagaReport {
  const seconds = faults.recoveries.toSorted((a, b) => a - b);
  const rounded = (value: number | undefined) => Math.round((value ?? 0) * 10) / 10;
  const counts = Object.fromEntries(
    invariants.map((name) => [name, findings.filter(({ invariant }) => invariant === name).length]),
  ) as Record<Invariant, number>;
  const treated = (as: string, on: string) =>
    stores.treated.filter((request) => request.as === as && request.on === on).length;
  return {
    runs,
    kills: seconds.length,
    ...counts,
    recoverySeconds: rounded(seconds.at(-1)),
    medianRecoverySeconds: rounded(seconds[Math.floor(seconds.length / 2)]),
    faults: {
      kills: faults.kills,
      pauses: faults.pauses,
      cuts: faults.cuts,
      heldAnswers: treated('hold', 'open'),
      lateEffects: treated('late', 'open'),
      lateUndos: treated('late', 'undo'),
    },
    budgets: {
      all: stores.budgets.length,
      reached: stores.budgets.filter(({ exceeded }) => exceeded).length,
      providerCalls: stores.bill.length,
    },
    findings,
  };
}
